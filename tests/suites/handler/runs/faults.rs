//! Runs of which something fails: what is told to each upload of it, and what is left for its repeat.

use harness::frame;
use harness::orders::finish;
use harness::world::{BEGINNING, Carrier, World, sequence};
use server::files::memory::{Fault, Operation};
use server::files::mime::Extension;
use server::files::{FileStorage as _, ObjectName};
use shared::id::SessionId;
use shared::wire::{Ack, MimeType};

use super::{Host, connect, first_session, listed, resume, uploads};
use crate::handler::tickets::Keys;

#[test]
fn a_storage_that_fails_in_the_middle_of_a_run_leaves_what_came_before() {
    let faults = [(Fault::Full, "storage_full"), (Fault::Io, "io_error"), (Fault::IoButVisible, "io_error")];
    for (fault, said) in faults {
        for operation in [Operation::Claim, Operation::Create, Operation::Seal, Operation::Reveal] {
            let (host, session) = (Host::new(), first_session());
            host.world.files.fail(operation, 3, fault);
            let heard = host.serve(&[connect(), uploads(&session, 1..=5)].concat());
            let expected = ["session_created", "stored", "stored", said, "sequence_gap", "sequence_gap"];
            assert_eq!(heard.words(), expected, "{operation:?}");
            assert!(heard.replies[4..].iter().all(|gap| gap["error"]["expected_sequence"] == 3), "{operation:?}");
            let untold = usize::from(operation == Operation::Reveal && fault == Fault::IoButVisible);
            assert_eq!(host.world.visible().len(), 2 + untold, "{operation:?}");

            let again = host.serve(&[resume(&session), uploads(&session, 3..=5)].concat());
            assert_eq!(again.words()[1..], ["stored"; 3], "{operation:?}");
            assert_eq!(listed(&host, &session), [1, 2, 3, 4, 5], "{operation:?}");
            assert_eq!(host.world.visible().len(), 5, "{operation:?}");
        }
    }
}

/// A store that gives no answer may have counted all of them, so none is told that it was not.
#[test]
fn of_a_run_that_may_have_been_counted_every_upload_hears_that_nobody_knows() {
    for late in [false, true] {
        let (host, session) = (Host::new(), first_session());
        host.world.store.answer_none_of(2);
        let heard = host.serve(&[connect(), uploads(&session, 1..=3)].concat());
        assert_eq!(heard.words()[1..], ["store_unavailable"; 3]);
        if late {
            host.world.store.commit_late();
        }
        let again = host.serve(&[resume(&session), uploads(&session, 1..=3)].concat());
        assert_eq!(again.words()[1..], ["stored"; 3]);
        assert_eq!(again.replies[1..].iter().filter(|reply| reply["replayed"] == late).count(), 3 * usize::from(late));
        assert_eq!(listed(&host, &session), [1, 2, 3]);
        assert_eq!((host.world.visible().len(), host.world.files.partial()), (3, 0));
    }
}

/// What lies under the second name was promised to nobody.
#[test]
fn a_name_that_is_taken_in_the_middle_of_a_run_is_adopted_or_made_free() {
    for there in ["hello", "other"] {
        let (host, session) = (Host::new(), first_session());
        finish(lay(&host.world, &session.id, 2, there));
        let heard = host.serve(&[connect(), uploads(&session, 1..=3)].concat());
        assert_eq!(heard.words()[1..], ["stored"; 3]);
        assert!(host.world.visible().iter().all(|(_, bytes)| bytes == "hello"));
        assert_eq!(listed(&host, &session), [1, 2, 3]);
        assert_eq!(host.world.files.aside().len(), usize::from(there == "other"));
    }
}

/// Puts a file under the name of a sequence.
async fn lay(world: &World, id: &str, number: u64, content: &'static str) {
    let extension = Extension::of(&MimeType::from_wire("text/plain").unwrap());
    let name = ObjectName::session(SessionId::from_wire(id).unwrap(), sequence(number), BEGINNING, extension);
    let mut sink = world.files.create(None, None).await.unwrap();
    sink.write(content.into()).await.unwrap();
    sink.seal(Ack::Durable).await.unwrap().reveal(&name, Ack::Durable).await.unwrap();
}

/// Where clients carry their sessions nothing is set aside that may have been counted. What nobody was told of for
/// certain must not lie there then, or its number is lost for everything else.
#[test]
fn what_was_shown_behind_a_failure_stands_in_no_other_upload_s_way() {
    let keys = Keys::of(&["0101010101010101010101010101010101010101010101010101010101010101"]);
    let world = keys.world();
    let host = Host::of(&world);
    let session = {
        let client = finish(Carrier::open(&keys.world()));
        harness::Session { id: client.id.to_wire(), token: String::new() }
    };
    host.world.files.fail(Operation::Reveal, 1, Fault::Io);
    let others = (1..=3).flat_map(|number| frame::bytes(&session.upload(number, "text/plain", 5), b"other"));
    let heard = host.serve(&[connect(), uploads(&session, 1..=3), others.collect()].concat());
    assert_eq!(heard.words()[1..], ["io_error", "sequence_gap", "sequence_gap", "stored", "stored", "stored"]);
    assert!(world.visible().iter().all(|(_, bytes)| bytes == "other") && world.visible().len() == 3);
}
