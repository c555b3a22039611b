//! A run cut at every await there is, by dropping its connection after so many polls.

use harness::world::{Setup, World};
use harness::{Session, frame};
use server::config::Naming;

use super::{Heard, Host, PAYLOAD, connect, first_session, listed, resume, uploads};

const UPLOADS: usize = 3;

fn repeat(host: &Host, session: &Session, mime_type: &str) -> Heard {
    let repeats = (1..=3).flat_map(|number| frame::bytes(&session.upload(number, mime_type, PAYLOAD.len()), PAYLOAD));
    host.serve(&[resume(session), repeats.collect()].concat())
}

/// The session goes on from another connection, on the same process or on the next; the client repeats everything, the
/// same or under another type.
#[test]
fn a_run_cut_at_any_await_is_counted_whole_or_not_and_its_repeat_makes_one_file_of_each() {
    let mut uncounted = 0;
    for naming in [Naming::SessionAware, Naming::Simple] {
        for (restarts, mime_type) in
            [(false, "text/plain"), (false, "image/png"), (true, "text/plain"), (true, "image/png")]
        {
            for polls in 0.. {
                let when = format!("cut at {polls}, {naming:?}, restarts {restarts}, {mime_type}");
                let session = first_session();
                let host = Host::of(&World::with(Setup { naming, ..Setup::default() }));
                let heard = host.serve_for(polls, &[connect(), uploads(&session, 1..=3)].concat());
                let stored = heard.words().iter().filter(|word| **word == "stored").count();
                let Some(record) = host.world.store.all().pop() else { continue };
                let counted = usize::try_from(record.session.files_transferred()).unwrap();
                let visible = host.world.visible().len();
                assert!(stored <= counted && counted <= visible, "acknowledged and not there, {when}");
                uncounted = uncounted.max(visible - counted);
                assert!(naming == Naming::Simple || counted == 0 || counted == UPLOADS, "{when}");
                assert_eq!(host.world.files.partial(), 0, "{when}");

                let host = if restarts { Host::of(&host.world.restarted()) } else { host };
                let again = repeat(&host, &session, mime_type);
                let used = if mime_type == "text/plain" { "stored" } else { "sequence_reused" };
                let expected = [vec![used; counted], vec!["stored"; UPLOADS - counted]].concat();
                assert_eq!(again.words()[1..], expected, "{when}");
                assert_eq!(listed(&host, &session), [1, 2, 3], "{when}");
                assert_eq!((host.world.visible().len(), host.world.files.partial()), (UPLOADS, 0), "{when}");
                if heard.ended {
                    break;
                }
            }
        }
    }
    assert_eq!(uncounted, UPLOADS, "no cut comes between showing and counting");
}
