//! One wire, two modes: connections that use both, servers that offer one, clients that change their minds.

use harness::{Options, RawClient, Server, Session, frame};
use server::config::ServerMode;

/// What a client may do next.
#[derive(Clone, Copy, Debug)]
enum Step {
    Stateless,
    Stateful,
    Hello,
}

/// Every order of three steps.
fn orders() -> Vec<[Step; 3]> {
    let steps = [Step::Stateless, Step::Stateful, Step::Hello];
    let pairs = steps.into_iter().flat_map(|first| steps.map(|second| (first, second)));
    pairs.flat_map(|(first, second)| steps.map(|third| [first, second, third])).collect()
}

/// The store has no room: stateless goes on, says what it stands in for, and stops saying so with the next session.
#[test]
fn a_connection_that_was_refused_a_session_goes_on_stateless_and_says_so() {
    let server = Server::start(Options::with(|config| config.limits.sessions_max = 1));
    let (mut first, session) = server.open_session();
    let mut second = server.connect();
    let upload = frame::upload("text/plain", 5);
    let stored = second.ask(&upload, b"hello").is("stored");
    assert!(stored.header.get("degraded_from").is_none());
    second.ask(&frame::stateful("connect"), b"").refuses("session_full");
    for _ in 0..2 {
        assert_eq!(second.ask(&upload, b"hello").is("stored").header["degraded_from"], "stateful");
    }
    assert!(server.connect().ask(&upload, b"hello").header.get("degraded_from").is_none(), "on that connection only");
    first.ask(&session.numbered("disconnect", 1), b"").is("session_closed");
    second.ask(&frame::stateful("connect"), b"").is("session_created");
    assert!(second.ask(&upload, b"hello").is("stored").header.get("degraded_from").is_none());
}

#[test]
fn one_connection_mixes_the_modes_in_every_order() {
    let server = Server::start(Options::default());
    let mut files = 0;
    for order in orders() {
        // The same order waiting for each reply, and without waiting for any.
        for waits in [true, false] {
            let (mut client, session) = server.open_session();
            let mut sequence = 0;
            for step in order {
                let header = match step {
                    Step::Stateless => frame::upload("text/plain", 5),
                    Step::Stateful => {
                        sequence += 1;
                        session.upload(sequence, "text/plain", 5)
                    }
                    Step::Hello => frame::stateless("hello"),
                };
                client.send_frame(&header, if matches!(step, Step::Hello) { b"" } else { b"hello" });
                if waits {
                    answer(&mut client, step);
                }
            }
            if !waits {
                for step in order {
                    answer(&mut client, step);
                }
            }
            files += order.iter().filter(|step| !matches!(step, Step::Hello)).count();
            client.ask(&session.numbered("disconnect", sequence + 1), b"").is("session_closed");
        }
    }
    assert_eq!(harness::names(&server.storage).len(), files);
}

fn answer(client: &mut RawClient, step: Step) {
    let reply = client.reply();
    let in_session = reply.header.get("session").is_some();
    match step {
        Step::Stateless => assert!(!reply.is("stored").header["file"].is_null() && !in_session),
        Step::Stateful => assert!(!reply.is("stored").header["file"].is_null() && in_session),
        Step::Hello => assert!(!reply.is("hello").header["hello"].is_null()),
    }
}

#[test]
fn a_connection_changes_its_mind() {
    let server = Server::start(Options::default());
    let mut client = server.connect();
    let mut seen: Vec<String> = Vec::new();
    for _ in 0..3 {
        let session = Session::open(&mut client);
        assert!(!seen.contains(&session.id), "a new conversation");
        client.ask(&frame::upload("text/plain", 5), b"hello").is("stored");
        session.store(&mut client, 1, b"hello");

        client.ask(&frame::stateful("connect"), b"").refuses("illegal_action");
        client.ask(&session.resume(), b"").refuses("illegal_action");
        session.store(&mut client, 2, b"the refusals changed nothing");

        client.ask(&session.numbered("disconnect", 3), b"").is("session_closed");
        let gone = client.ask(&session.upload(4, "text/plain", 5), b"hello").refuses("session_gone");
        assert_eq!(gone["error"]["reason"], "closed");
        assert!(client.ask(&session.numbered("disconnect", 3), b"").is("session_closed").is_replayed());
        client.ask(&frame::upload("text/plain", 5), b"hello").is("stored");
        seen.push(session.id);
    }
    assert_eq!(harness::names(&server.storage).len(), 3 * 4);
}

#[test]
fn a_session_belongs_to_the_connection_that_named_it_last() {
    let server = Server::start(Options::default());
    let (mut first, one) = server.open_session();
    let (mut second, two) = server.open_session();
    for (client, other) in [(&mut first, &two), (&mut second, &one)] {
        client.ask(&other.frame("heartbeat"), b"").refuses("session_required");
    }
    let mut third = server.connect();
    third.ask(&one.upload(1, "text/plain", 5), b"hello").refuses("session_required");
    third.ask(&frame::stateful("heartbeat"), b"").refuses("session_required");
    third.ask(&frame::upload("text/plain", 5), b"hello").is("stored");
    one.store(&mut first, 1, b"hello");
    two.store(&mut second, 1, b"hello");
}

#[test]
fn a_stateless_server_refuses_sessions_and_remembers_none() {
    let mut server = Server::start(Options::with(|config| config.mode = ServerMode::Stateless));
    let mut client = server.connect();
    let stranger = Session { id: harness::uuid(), token: "A".repeat(43) };
    let mut frames = vec![frame::stateful("connect"), stranger.resume(), stranger.upload(1, "text/plain", 5)];
    frames.extend(["status", "heartbeat", "list"].map(|action| stranger.frame(action)));
    frames.push(stranger.numbered("disconnect", 1));
    for header in frames {
        let payload: &[u8] = if header["size"].is_null() { b"" } else { b"hello" };
        client.ask(&header, payload).refuses("mode_disabled");
    }
    client.ask(&frame::upload("text/plain", 5), b"hello").is("stored");
    let hello = client.ask(&frame::stateless("hello"), b"").is("hello");
    assert_eq!(hello["hello"].get("store"), None, "there is no store to name");
    drop(client);
    server.stop();
    assert_eq!(harness::hidden(&server.storage), [".lock", ".staging"], "nor one on the disk");
    assert_eq!(harness::names(&server.storage).len(), 1);
}

#[test]
fn a_stateful_server_refuses_what_has_no_session() {
    let server = Server::start(Options::with(|config| config.mode = ServerMode::Stateful));
    let (mut client, session) = server.open_session();
    let id = harness::uuid();
    client.ask(&frame::upload("text/plain", 5), b"hello").refuses("mode_disabled");
    client.ask(&frame::with(frame::stateless("status"), "transfer_id", id), b"").refuses("mode_disabled");
    client.ask(&frame::with(frame::stateless("fetch"), "file", "a"), b"").refuses("mode_disabled");
    client.ask(&frame::stateless("hello"), b"").is("hello");
    session.store(&mut client, 1, b"hello");

    let mut week01 = server.connect();
    week01.send(frame::week01("text/plain", 2) + "hi");
    week01.half_close();
    assert_eq!(week01.to_end(), b"ERROR: Invalid header\n");
    assert_eq!(harness::names(&server.storage).len(), 1);
}

#[test]
fn the_first_frame_decides_the_version() {
    let server = Server::start(Options::default());

    let mut first = server.connect();
    first.send(frame::week01("text/plain", 2) + "hi");
    first.send_frame(&frame::upload("text/plain", 5), b"hello");
    first.half_close();
    assert_eq!(first.to_end(), b"OK\nERROR: Invalid header\n", "Week 01, then 2.0");

    let (mut second, _) = server.open_session();
    second.send(frame::week01("text/plain", 2) + "hi");
    let refused = second.reply().refuses("unsupported_version");
    assert_eq!(refused["error"]["supported"], serde_json::json!(["1.0", "2.0"]), "2.0, then Week 01");
    second.ends();

    assert_eq!(harness::names(&server.storage).len(), 1);
}

#[test]
fn the_mode_is_judged_before_the_session() {
    let server = Server::start(Options::with(|config| config.mode = ServerMode::Stateless));
    server.connect().ask(&frame::stateful("heartbeat"), b"").refuses("mode_disabled");
}

/// Only the goodbye itself is said again; another sequence is another request.
#[test]
fn a_closed_session_answers_nothing_but_its_goodbye() {
    let server = Server::start(Options::default());
    let (mut client, session) = server.open_session();
    session.store(&mut client, 1, b"hello");
    client.ask(&session.numbered("disconnect", 2), b"").is("session_closed");
    assert!(client.ask(&session.numbered("disconnect", 2), b"").is("session_closed").is_replayed());
    for number in [1, 3, 99] {
        client.ask(&session.numbered("disconnect", number), b"").refuses("session_gone");
    }
}
