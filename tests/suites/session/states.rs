//! The states of a session and what each answers: a world is brought into every state, and every action is asked.

use std::sync::Arc;

use harness::orders::finish;
use harness::world::{Client, Outcome, Sent, World, sequence};
use server::handler::Answer;
use shared::error::ErrorCode;
use shared::session::{Phase, Step, step};
use shared::wire::{Action, FetchRange, Proof, Request, SessionRequest, StatefulRequest, Status};

/// A world whose session is in this state, and the connection that holds it. Not `closing`: that one needs a request
/// under way.
fn brought_to(phase: Phase) -> (Arc<World>, Client) {
    let world = World::new();
    let mut client = finish(Client::open(&world));
    if phase != Phase::Pending {
        finish(client.send(&world, 1, &Sent::text("hello"))).unwrap();
    }
    match phase {
        Phase::Pending | Phase::Active => {}
        Phase::Idle => world.clock.pass(30_000),
        Phase::Suspended => world.clock.pass(60_000),
        Phase::Expired => world.clock.pass(300_000),
        Phase::Terminated => {
            finish(client.ask(&world, SessionRequest::Disconnect(sequence(2)))).unwrap();
        }
        Phase::Error => world.store.damage(client.id),
        Phase::Closing => unreachable!("not by itself"),
    }
    (world, client)
}

/// One request of this action on the connection that holds the session; `connect` comes on a new one.
async fn ask(world: &World, client: &mut Client, action: Action) -> Outcome {
    let next = sequence(world.store.session(client.id).unwrap().session.next_sequence().get());
    let stored_as = world.visible().first().map_or_else(String::new, |(name, _)| name.to_wire());
    let request = match action {
        Action::Connect => return Client::connect(world, client.id, &client.token).await.0,
        Action::Transfer => return client.send(world, next.get(), &Sent::text("more")).await,
        Action::Status => SessionRequest::Status,
        Action::Heartbeat => SessionRequest::Heartbeat,
        Action::List => SessionRequest::List(sequence(1)),
        Action::Fetch => SessionRequest::Fetch(FetchRange { file: stored_as, offset: 0 }),
        Action::Remove => SessionRequest::Remove(next, stored_as),
        // In a session that was ended, the goodbye again.
        Action::Disconnect if next.get() == 3 => SessionRequest::Disconnect(sequence(2)),
        Action::Disconnect => SessionRequest::Disconnect(next),
        Action::Hello => unreachable!("it belongs to no session"),
    };
    client.ask(world, request).await
}

/// What was done, as the table says it. In a session without a file, one that is asked for is unknown.
fn seen(outcome: &Outcome) -> Step {
    match outcome {
        Ok(Answer { reply, .. }) if reply.replayed => Step::Repeat,
        Ok(Answer { reply, .. }) => match reply.status {
            Status::SessionResumed => Step::Take,
            Status::Stored | Status::Removed | Status::SessionClosed => Step::Change,
            Status::SessionStatus | Status::HeartbeatAck | Status::File | Status::Files => Step::Look,
            Status::Hello | Status::SessionCreated | Status::Continue | Status::Notice | Status::Error => {
                panic!("no answer to any of them: {reply:?}")
            }
        },
        Err(error) if error.code == ErrorCode::SessionGone => Step::Gone,
        Err(error) if error.code == ErrorCode::SessionUnknown => Step::Unknown,
        Err(error) => panic!("{error:?}"),
    }
}

#[test]
fn every_state_answers_every_action_as_the_table_says() {
    let mut asked = 0;
    for phase in Phase::ALL.into_iter().filter(|phase| *phase != Phase::Closing) {
        for action in Action::ALL.iter().copied().filter(|action| *action != Action::Hello) {
            // There is no file to be named before one was stored.
            if phase == Phase::Pending && matches!(action, Action::Fetch | Action::Remove) {
                continue;
            }
            let (world, mut client) = brought_to(phase);
            let outcome = finish(ask(&world, &mut client, action));
            assert_eq!(seen(&outcome), step(phase, action), "{action} while {}", phase.as_str());
            asked += 1;
        }
    }
    assert_eq!(asked, 7 * 8 - 2);
}

/// A client is told what `status` found; anything else it asks has made the session active by the time of the answer.
#[test]
fn status_tells_the_state_that_the_question_found_at_its_millisecond() {
    for (silent, state) in [
        (0, "active"),
        (29_999, "active"),
        (30_000, "idle"),
        (30_001, "idle"),
        (59_999, "idle"),
        (60_000, "suspended"),
        (60_001, "suspended"),
        (299_999, "suspended"),
    ] {
        let (world, mut client) = brought_to(Phase::Active);
        world.clock.pass(silent);
        let told = finish(client.ask(&world, SessionRequest::Status)).unwrap().reply.session.unwrap();
        assert_eq!((told.state.as_str(), told.expires_in_s), (state, (300_000 - silent) / 1_000), "{silent}");
        let told = finish(client.ask(&world, SessionRequest::Heartbeat)).unwrap().reply.session.unwrap();
        assert_eq!((told.state.as_str(), told.expires_in_s), ("active", 300), "{silent}");
    }
}

/// What whoever continues a session is told of the state it was found in.
#[test]
fn whoever_continues_a_session_hears_what_it_was_doing() {
    for (phase, leaves, silent, found) in [
        (Phase::Pending, true, 0, "pending"),
        (Phase::Active, true, 0, "suspended"),
        (Phase::Active, false, 29_999, "active"),
        (Phase::Active, false, 30_000, "idle"),
        (Phase::Active, false, 59_999, "idle"),
        (Phase::Active, false, 60_000, "suspended"),
    ] {
        let (world, client) = brought_to(phase);
        let (id, token) = (client.id, client.token.clone());
        let _still_there = (!leaves).then_some(client);
        world.clock.pass(silent);
        let request = StatefulRequest::Continue(id, Proof::Token(token));
        let explained = finish(world.explained(Request::Stateful(request), &mut world.peer())).unwrap();
        let told = format!("a continuation, on connection number 2; the session was {found}");
        assert_eq!(explained.continuation, told, "{silent}");
    }
}

/// The connection that it was taken from ends later; that is no silence of the one that has it now.
#[test]
fn the_end_of_an_overtaken_connection_suspends_nothing() {
    let (world, old) = brought_to(Phase::Active);
    let mut newest = finish(Client::resume(&world, old.id, old.token.clone())).unwrap();
    drop(old);
    let told = finish(newest.ask(&world, SessionRequest::Status)).unwrap().reply.session.unwrap();
    assert_eq!(told.state, "active");
}
