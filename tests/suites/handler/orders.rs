//! Two requests in every order their polls can have.

use std::sync::Arc;

use harness::orders::{Course, Explored, Race, Runner, finish};
use harness::world::{Client, Outcome, Sent, World, code};
use server::files::memory::Operation;
use server::handler::Peer;
use shared::error::ErrorCode;
use shared::id::{SessionId, Token};
use shared::wire::ErrorBody;

use super::{assert_one_file, is_kept, transfer_id};

/// An answer, and the connection that heard it: it stays until the race is over.
type Heard = (Outcome, Option<Peer>);

fn sends(world: &Arc<World>, mut client: Client, sent: &Sent) -> Runner<Heard> {
    let (world, sent) = (Arc::clone(world), sent.clone());
    Box::pin(async move {
        let outcome = client.send(&world, 1, &sent).await;
        (outcome, Some(client.peer))
    })
}

fn resumes_and_sends(world: &Arc<World>, id: SessionId, token: &Token, sent: &Sent) -> Runner<Heard> {
    let (world, sent, token) = (Arc::clone(world), sent.clone(), token.clone());
    Box::pin(async move {
        match Client::resume(&world, id, token).await {
            Err(error) => (Err(error), None),
            Ok(mut client) => {
                let outcome = client.send(&world, 1, &sent).await;
                (outcome, Some(client.peer))
            }
        }
    })
}

/// What the older connection may hear: its file was stored, or it lost its session.
fn assert_stored_or(outcome: &Outcome, otherwise: &[ErrorCode]) {
    match outcome {
        Ok(answer) => assert!(answer.reply.file.is_some()),
        Err(ErrorBody { code, .. }) => assert!(otherwise.contains(code), "{code}"),
    }
}

fn two_on_one_sequence(first: &Sent, second: &Sent, first_is_cut: bool) -> Explored {
    let template = World::new();
    let (id, token) = {
        let client = finish(Client::open(&template));
        (client.id, client.token.clone())
    };
    let start = || {
        let world = World::new();
        let client = finish(Client::open(&world));
        let runners = [sends(&world, client, first), resumes_and_sends(&world, id, &token, second)];
        Race { world, runners }
    };
    // Files and store survive; whoever comes then repeats either of the two.
    let crashed = |world: &Arc<World>| {
        assert_eq!(world.files.partial(), 0);
        let counted = world.store.session(id).unwrap().session.files_transferred();
        assert!(counted <= 1);
        let world = world.restarted();
        let mut client = finish(Client::resume(&world, id, token.clone())).unwrap();
        let outcome = finish(client.send(&world, 1, second));
        match &outcome {
            Ok(answer) => assert_eq!(answer.reply.replayed, counted == 1),
            Err(error) => assert!(error.code == ErrorCode::SequenceReused && counted == 1),
        }
        assert_one_file(&world, id, "after a crash");
        finish(client.send(&world, 2, first)).unwrap();
    };
    let ended = |world: &Arc<World>, [older, newer]: [Option<Heard>; 2]| {
        assert_one_file(world, id, "at the end");
        let older = older.map(|(outcome, _)| outcome);
        let (newer, _) = newer.unwrap();
        if !first_is_cut {
            // What the older connection has made visible, it counts before the newer one has the session.
            assert!(world.files.aside().is_empty() && world.files.calls(Operation::Inspect) == 0);
        }
        if let Some(older) = &older {
            assert_stored_or(older, &[ErrorCode::SessionMoved]);
        }
        assert_stored_or(&newer, &[ErrorCode::SequenceReused]);
        let done = |outcome: &Outcome| outcome.as_ref().is_ok_and(|answer| !answer.reply.replayed);
        let done_by = usize::from(older.as_ref().is_some_and(done)) + usize::from(done(&newer));
        // What was done by a connection that was cut, nobody heard.
        assert!(done_by == 1 || older.is_none() && done_by == 0);
        for answer in older.into_iter().chain([newer]).flatten() {
            assert!(is_kept(world, &answer.reply.file.unwrap()), "acknowledged and not there");
        }
    };
    Course { start: &start, crashed: &crashed, ended: &ended, first_is_cut }.every_order()
}

#[test]
fn two_uploads_of_one_sequence_make_one_file_in_every_order() {
    let cases = [
        (Sent::text("hello"), Sent::text("hello")),
        (Sent::text("hello"), Sent::text("olleh")),
        (Sent::text("hello"), Sent::text("more than that")),
        (Sent::text("hello"), Sent::text("hello").typed("image/png")),
    ];
    for (first, second) in cases {
        let explored = two_on_one_sequence(&first, &second, false);
        assert!(explored.orders > 300_000, "{explored:?}");
    }
}

#[test]
fn an_older_connection_lost_anywhere_changes_nothing_of_that() {
    for second in [Sent::text("hello"), Sent::text("olleh"), Sent::text("hello").typed("image/png")] {
        let explored = two_on_one_sequence(&Sent::text("hello"), &second, true);
        assert!(explored.orders > 1_000_000, "{explored:?}");
    }
}

/// Both continue the session at once, neither knows of the other, and both send.
fn two_that_continue(first: &Sent, second: &Sent) -> Explored {
    let template = World::new();
    let (id, token) = {
        let client = finish(Client::open(&template));
        (client.id, client.token.clone())
    };
    let start = || {
        let world = World::new();
        // The first connection was lost.
        drop(finish(Client::open(&world)));
        let runners = [first, second].map(|sent| resumes_and_sends(&world, id, &token, sent));
        Race { world, runners }
    };
    let crashed = |world: &Arc<World>| {
        assert!(world.visible().len() <= 1 && world.files.partial() == 0);
        let world = world.restarted();
        let mut client = finish(Client::resume(&world, id, token.clone())).unwrap();
        let _ = finish(client.send(&world, 1, first));
        assert_one_file(&world, id, "after a crash");
    };
    let ended = |world: &Arc<World>, results: [Option<Heard>; 2]| {
        assert_one_file(world, id, "at the end");
        assert_eq!(world.store.session(id).unwrap().session.epoch().get(), 3);
        let outcomes = results.map(|result| result.unwrap().0);
        let done = outcomes.iter().flatten().filter(|answer| !answer.reply.replayed).count();
        assert_eq!(done, 1);
        for outcome in &outcomes {
            assert_stored_or(outcome, &[ErrorCode::SessionMoved, ErrorCode::SequenceReused]);
            assert!(outcome.as_ref().ok().is_none_or(|answer| is_kept(world, answer.reply.file.as_ref().unwrap())));
        }
    };
    Course { start: &start, crashed: &crashed, ended: &ended, first_is_cut: false }.every_order()
}

#[test]
fn two_that_continue_one_session_at_once_make_one_file_in_every_order() {
    for second in [Sent::text("hello"), Sent::text("olleh"), Sent::text("hello").typed("image/png")] {
        let explored = two_that_continue(&Sent::text("hello"), &second);
        assert!(explored.orders > 1_000_000, "{explored:?}");
    }
}

fn is_moved(outcome: &Outcome) -> bool {
    code(outcome) == Some(ErrorCode::TransferMoved)
}

/// The order in which connections were accepted is not that in which they are served.
fn two_stateless(first: &Sent, second: &Sent, first_is_newer: bool, first_is_cut: bool) -> Explored {
    let sends = |world: &Arc<World>, mut peer: Peer, sent: &Sent| -> Runner<Outcome> {
        let (world, sent) = (Arc::clone(world), sent.clone());
        Box::pin(async move { world.send_from(&mut peer, Some(transfer_id()), &sent).await })
    };
    let start = || {
        let world = World::new();
        let mut peers = [world.peer(), world.peer()];
        if first_is_newer {
            peers.reverse();
        }
        let [one, other] = peers;
        let runners = [sends(&world, one, first), sends(&world, other, second)];
        Race { world, runners }
    };
    let whole = |world: &World| {
        assert_eq!(world.files.partial(), 0);
        assert!(world.visible().len() <= 1);
        assert!(world.visible().iter().all(|(_, bytes)| [&first.content, &second.content].contains(&bytes)));
    };
    let crashed = |world: &Arc<World>| {
        whole(world);
        let outcome = finish(world.send(Some(transfer_id()), second));
        assert_stored_or(&outcome, &[ErrorCode::TransferReused]);
        assert_eq!(world.visible().len(), 1);
    };
    let ended = |world: &Arc<World>, results: [Option<Outcome>; 2]| {
        whole(world);
        // Of a newer one that is lost, the part is there; the older one was told that it was taken over.
        let lost = first_is_newer && results[0].is_none() && results[1].as_ref().is_some_and(is_moved);
        assert!(world.visible().len() == 1 || lost);
        let same = first.content == second.content;
        for outcome in results.iter().flatten() {
            match outcome {
                Ok(answer) => assert!(is_kept(world, answer.reply.file.as_ref().unwrap())),
                // One of them took the other over, and got to the end.
                Err(_) if is_moved(outcome) => {}
                Err(_) => assert!(code(outcome) == Some(ErrorCode::TransferReused) && !same),
            }
        }
        assert!(lost || first_is_cut || results.iter().flatten().any(Result::is_ok));
        assert!(world.files.parts().is_empty() || first_is_cut && results[0].is_none());
    };
    Course { start: &start, crashed: &crashed, ended: &ended, first_is_cut }.every_order()
}

#[test]
fn two_stateless_uploads_of_one_transfer_make_one_file_in_every_order() {
    for second in [Sent::text("hello"), Sent::text("olleh"), Sent::text("more than that")] {
        for (first_is_newer, first_is_cut) in [(false, false), (true, false), (false, true), (true, true)] {
            let explored = two_stateless(&Sent::text("hello"), &second, first_is_newer, first_is_cut);
            assert!(explored.orders > 4_000, "{explored:?}");
        }
    }
}
