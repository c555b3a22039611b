//! What the server in the kit does to uploads, where several checks want the same.

use super::story::{Deed, Event};

/// Does this with every upload, and what is right with everything else.
pub(super) fn each_upload(mut deed: impl FnMut() -> Deed) -> impl FnMut(Event) -> Deed {
    move |event| if is_upload(&event) { deed() } else { Deed::Right }
}

/// Does this with the first upload, and what is right with everything else.
pub(super) fn first_upload(deed: Deed) -> impl FnMut(Event) -> Deed {
    let mut first = Some(deed);
    each_upload(move || first.take().unwrap_or(Deed::Right))
}

fn is_upload(event: &Event) -> bool {
    match event {
        Event::Asked(request) => request.is("transfer"),
        Event::Connected => false,
    }
}
