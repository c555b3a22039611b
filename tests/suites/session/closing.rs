//! A session that closes while something of an older connection is under way, and how long anybody waits for that.

use std::sync::Arc;

use harness::orders::{Course, Race, Runner, finish, poll_n};
use harness::world::{Client, Outcome, Sent, World, code, sequence};
use server::files::memory::{Fault, Operation};
use server::handler::Peer;
use shared::error::ErrorCode;
use shared::id::{SessionId, Token};
use shared::wire::{SessionRequest, Status};

/// How long a connection waits for an older one to finish what it has made visible.
const TAKEOVER_MS: u64 = 2_000;

/// An answer, and the connection that heard it.
type Heard = (Outcome, Peer);

/// A session whose connection hangs while it makes a file visible.
struct Stuck {
    world: Arc<World>,
    id: SessionId,
    token: Token,
    upload: Runner<Outcome>,
}

/// Polls a future until it ends, or waits for something that does not come by itself.
fn waits<T>(runner: &mut Runner<T>) -> Option<T> {
    poll_n(64, runner)
}

fn stuck() -> Stuck {
    let world = World::new();
    let mut older = finish(Client::open(&world));
    let (id, token) = (older.id, older.token.clone());
    world.files.fail(Operation::Reveal, 1, Fault::Never);
    let here = Arc::clone(&world);
    let mut upload: Runner<Outcome> = Box::pin(async move { older.send(&here, 1, &Sent::text("hello")).await });
    assert!(waits(&mut upload).is_none());

    Stuck { world, id, token, upload }
}

impl Stuck {
    /// Whoever continues the session.
    fn comes(&self) -> Runner<Heard> {
        let (world, id, token) = (Arc::clone(&self.world), self.id, self.token.clone());
        Box::pin(async move { Client::connect(&world, id, &token).await })
    }

    /// A newer connection has the session, and says a goodbye that must wait.
    fn is_left(&self) -> Runner<Heard> {
        let mut comes = self.comes();
        assert!(waits(&mut comes).is_none());
        self.world.clock.pass(TAKEOVER_MS);
        let (resumed, peer) = waits(&mut comes).unwrap();
        assert_eq!(resumed.unwrap().reply.status, Status::SessionResumed);
        let mut client = Client { id: self.id, token: self.token.clone(), peer };
        let world = Arc::clone(&self.world);
        let mut leaves: Runner<Heard> = Box::pin(async move {
            let outcome = client.ask(&world, SessionRequest::Disconnect(sequence(1))).await;
            (outcome, client.peer)
        });
        assert!(waits(&mut leaves).is_none());
        leaves
    }
}

#[test]
fn a_newer_connection_waits_two_seconds_for_the_file_of_the_older_one() {
    for late in [0, 1] {
        let stuck = stuck();
        let mut comes = stuck.comes();
        assert!(waits(&mut comes).is_none());
        stuck.world.clock.pass(TAKEOVER_MS - 1);
        assert!(waits(&mut comes).is_none());
        stuck.world.clock.pass(1 + late);
        let (resumed, _peer) = waits(&mut comes).unwrap();
        assert_eq!(resumed.unwrap().reply.session.unwrap().epoch.get(), 2);
    }
}

#[test]
fn a_session_that_is_closing_keeps_whoever_comes_waiting_for_two_seconds() {
    for late in [0, 1] {
        let stuck = stuck();
        let mut leaves = stuck.is_left();
        let mut comes = stuck.comes();
        assert!(waits(&mut comes).is_none());
        stuck.world.clock.pass(TAKEOVER_MS - 1);
        assert!(waits(&mut comes).is_none());
        stuck.world.clock.pass(1 + late);
        let refused = waits(&mut comes).unwrap().0.unwrap_err();
        assert_eq!((refused.code, refused.reason.as_deref()), (ErrorCode::Busy, Some("closing")));
        assert_eq!(code(&waits(&mut leaves).unwrap().0), Some(ErrorCode::Busy), "it waited no longer either");

        // What hung is gone, and the session is there for whoever comes.
        drop(stuck.upload);
        let (again, _) = finish(Client::connect(&stuck.world, stuck.id, &stuck.token));
        assert_eq!(again.unwrap().reply.status, Status::SessionResumed);
        assert!(stuck.world.visible().is_empty());
    }
}

#[test]
fn whoever_comes_in_time_while_a_session_is_closing_hears_the_goodbye() {
    let stuck = stuck();
    let mut leaves = stuck.is_left();
    let mut comes = stuck.comes();
    assert!(waits(&mut comes).is_none());
    stuck.world.clock.pass(TAKEOVER_MS - 1);
    drop(stuck.upload);
    assert!(waits(&mut leaves).unwrap().0.is_ok());
    let reply = waits(&mut comes).unwrap().0.unwrap().reply;
    assert_eq!((reply.status, reply.replayed), (Status::SessionClosed, true));
}

#[test]
fn a_goodbye_that_fails_leaves_the_session_as_it_was() {
    let world = World::new();
    let client = finish(Client::open(&world));
    let mut client = finish(Client::resume(&world, client.id, client.token)).unwrap();
    world.files.fail(Operation::List, 1, Fault::Io);
    let failed = finish(client.ask(&world, SessionRequest::Disconnect(sequence(1))));
    assert_eq!(code(&failed), Some(ErrorCode::IoError));
    let reply = finish(client.ask(&world, SessionRequest::Heartbeat)).unwrap().reply;
    assert_eq!(reply.session.unwrap().state, "pending");
    finish(client.ask(&world, SessionRequest::Disconnect(sequence(1)))).unwrap();
}

#[test]
fn a_goodbye_whose_connection_was_lost_while_it_waited_leaves_the_session_open() {
    let stuck = stuck();
    drop(stuck.is_left());
    let mut comes = stuck.comes();
    drop(stuck.upload);
    assert_eq!(waits(&mut comes).unwrap().0.unwrap().reply.status, Status::SessionResumed);
}

#[test]
fn a_goodbye_and_a_new_connection_agree_in_every_order() {
    let template = World::new();
    let (id, token) = {
        let client = finish(Client::open(&template));
        (client.id, client.token)
    };
    let start = || {
        let world = World::new();
        let mut client = finish(Client::open(&world));
        let (leaving, coming, by) = (Arc::clone(&world), Arc::clone(&world), token.clone());
        let leaves: Runner<Heard> = Box::pin(async move {
            let outcome = client.ask(&leaving, SessionRequest::Disconnect(sequence(1))).await;
            (outcome, client.peer)
        });
        let comes: Runner<Heard> = Box::pin(async move { Client::connect(&coming, id, &by).await });
        Race { world, runners: [leaves, comes] }
    };
    let ended = |world: &Arc<World>, [leaves, comes]: [Option<Heard>; 2]| {
        let (Some((leaves, _)), Some((comes, _))) = (leaves, comes) else { unreachable!("nobody is cut") };
        let session = world.store.session(id).unwrap().session;
        let came = comes.unwrap().reply;
        if session.ended().is_some() {
            assert_eq!(leaves.unwrap().reply.status, Status::SessionClosed);
            assert_eq!((came.status, came.replayed), (Status::SessionClosed, true));
        } else {
            assert_eq!(code(&leaves), Some(ErrorCode::SessionMoved));
            assert_eq!(came.status, Status::SessionResumed);
        }
    };
    let explored = Course { start: &start, crashed: &|_| (), ended: &ended, first_is_cut: false }.every_order();
    assert!(explored.ends >= 2, "{explored:?}");
}
