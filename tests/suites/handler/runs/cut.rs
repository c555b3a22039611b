//! A run cut at every await there is, by dropping its connection after so many polls.

use harness::world::{Setup, World};
use harness::{Session, frame};
use server::config::Naming;

use super::{Host, PAYLOAD, connect, first_session, listed, resume, uploads};

const UPLOADS: usize = 3;

/// The same run under this type.
fn repeats(session: &Session, mime_type: &str) -> Vec<u8> {
    (1..=3).flat_map(|number| frame::bytes(&session.upload(number, mime_type, PAYLOAD.len()), PAYLOAD)).collect()
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
                let again = host.serve(&[resume(&session), repeats(&session, mime_type)].concat());
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

/// The older connection is in the middle of its run, wherever that is, and goes on beside the newer one.
#[test]
fn a_newer_connection_that_comes_at_any_await_of_a_run_leaves_one_file_of_each() {
    let session = first_session();
    let run = [connect(), uploads(&session, 1..=3)].concat();
    let [mut moved, mut counted] = [0, 0];
    for mime_type in ["text/plain", "image/png"] {
        let newer = [resume(&session), repeats(&session, mime_type)].concat();
        for polls in 0.. {
            let when = format!("a newer one at {polls}, {mime_type}");
            let host = Host::new();
            let Some([older, newer]) = host.serve_both(polls, &run, &newer) else { break };
            if newer.words()[0] == "session_unknown" {
                continue;
            }
            let done = older.words().iter().filter(|word| **word == "stored").count();
            assert!([0, UPLOADS].contains(&done), "{when}: {:?}", older.words());
            let used = if done > 0 && mime_type != "text/plain" { "sequence_reused" } else { "stored" };
            assert_eq!(newer.words()[1..], [used; UPLOADS], "{when}, {:?}", older.words());
            assert_eq!(listed(&host, &session), [1, 2, 3], "{when}");
            assert_eq!((host.world.visible().len(), host.world.files.partial()), (UPLOADS, 0), "{when}");
            moved += usize::from(older.words().contains(&"session_moved"));
            counted += usize::from(done > 0);
        }
    }
    assert!(moved > 20 && counted > 10, "{moved} moved, {counted} counted");
}
