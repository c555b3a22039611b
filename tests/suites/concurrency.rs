//! Many at once: connections, sessions, and several for one thing.

use std::collections::BTreeSet;
use std::sync::Barrier;
use std::thread;

use harness::{Options, Patience, RawClient, Reply, Server, Session, frame};
use server::config::Config;

/// Runs `act` with its number in so many threads that begin at the same moment; the results in order.
fn at_once<T: Send>(count: usize, act: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let barrier = Barrier::new(count);
    thread::scope(|scope| {
        let begun: Vec<_> = (0..count)
            .map(|number| {
                let (barrier, act) = (&barrier, &act);
                scope.spawn(move || {
                    barrier.wait();
                    act(number)
                })
            })
            .collect();
        begun.into_iter().map(|thread| thread.join().expect("a thread that ends well")).collect()
    })
}

fn content(number: usize) -> Vec<u8> {
    harness::noise(u64::try_from(number).expect("a small number"), 1_000 + number)
}

/// The server shows these files and no others, the first with the content of client 0.
fn assert_stored<'a>(server: &Server, names: impl ExactSizeIterator<Item = &'a String>) {
    let visible = harness::visible(&server.storage);
    assert_eq!(visible.len(), names.len());
    for (number, name) in names.enumerate() {
        assert_eq!(visible[name], content(number));
    }
}

#[test]
fn a_hundred_stateless_connections_at_once() {
    let server = Server::start(Options::default());
    let clients = at_once(100, |number| {
        let mut client = server.connect();
        let content = content(number);
        let stored = client.ask(&frame::upload("text/plain", content.len()), &content).is("stored");
        // All stay until the last one has its answer.
        (client, stored.stored_as().to_owned())
    });
    assert_stored(&server, clients.iter().map(|(_, name)| name));
}

#[test]
fn a_hundred_stateful_connections_at_once() {
    let server = Server::start(Options::default());
    let clients = at_once(100, |number| {
        let (mut client, session) = server.open_session();
        let stored = session.store(&mut client, 1, &content(number));
        (client, stored.stored_as().to_owned())
    });
    assert_stored(&server, clients.iter().map(|(_, name)| name));
}

#[test]
fn fifty_sessions_at_once_do_not_see_each_other() {
    let server = Server::start(Options::default());
    let ids = at_once(50, |number| {
        let (mut client, session) = server.open_session();
        for sequence in 1..=4 {
            session.store(&mut client, sequence, &content(number));
        }
        let status = client.ask(&session.frame("status"), b"").is("session_status");
        assert_eq!(status.number("record.files_transferred"), 4);
        assert_eq!(status.number("session.next_sequence"), 5);
        let list = client.ask(&session.frame("list"), b"").is("files");
        let listed = String::from_utf8(list.payload).expect("text");
        assert!(listed.lines().count() == 4 && listed.lines().all(|line| line.contains(&session.id)), "{listed}");
        session.id
    });
    assert_eq!(ids.into_iter().collect::<BTreeSet<_>>().len(), 50);
    assert_eq!(harness::names(&server.storage).len(), 200);
}

#[test]
fn connections_beyond_the_limit_are_turned_away_until_one_ends() {
    const MAX: usize = 5;
    let server = Server::start(Options::with(|config| config.limits.connections_max = MAX));
    let mut clients: Vec<_> = (0..MAX).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.ask(&frame::stateless("hello"), b"").is("hello");
    }
    let mut beyond = server.connect();
    assert!(beyond.reply().refuses("busy").closes(), "before it has said anything");
    beyond.ends();
    clients[0].ask(&frame::stateless("hello"), b"").is("hello");

    drop(clients.pop());
    let patience = Patience::fresh();
    while busy(&mut server.connect()) {
        assert!(patience.lasts(), "the place of a connection that ended stays taken");
    }
}

/// Whether the server has no place for this connection. It may reset one that says `hello` nevertheless.
fn busy(client: &mut RawClient) -> bool {
    client.send(frame::bytes(&frame::stateless("hello"), b""));
    client.reply().code() == Some("busy")
}

#[test]
fn sessions_beyond_the_limit_are_refused_until_one_ends() {
    const MAX: usize = 5;
    let server = Server::start(Options::with(|config| config.limits.sessions_max = MAX));
    let mut sessions: Vec<_> = (0..MAX).map(|_| server.open_session()).collect();
    let mut beyond = server.connect();
    for _ in 0..2 {
        assert!(!beyond.ask(&frame::stateful("connect"), b"").refuses("session_full").closes());
    }
    beyond.ask(&frame::upload("text/plain", 5), b"hello").is("stored");
    let (mut client, session) = sessions.pop().expect("a session");
    // One that is continued is no new one.
    drop(client);
    client = server.connect();
    client.ask(&session.resume(), b"").is("session_resumed");
    beyond.ask(&frame::stateful("connect"), b"").refuses("session_full");
    client.ask(&session.numbered("disconnect", 1), b"").is("session_closed");
    beyond.ask(&frame::stateful("connect"), b"").is("session_created");
    client.ask(&frame::stateful("connect"), b"").refuses("session_full");
}

#[test]
fn the_last_place_for_a_session_is_given_once() {
    let server = Server::start(Options::with(|config: &mut Config| config.limits.sessions_max = 10));
    let replies = at_once(40, |_| {
        let mut client = server.connect();
        let reply = client.ask(&frame::stateful("connect"), b"");
        (client, reply)
    });
    let opened = replies.iter().filter(|(_, reply)| reply["status"] == "session_created").count();
    let refused = replies.iter().filter(|(_, reply)| reply.code() == Some("session_full")).count();
    assert_eq!((opened, refused), (10, 30));
}

#[test]
fn of_many_connections_for_one_session_the_newest_holds_it() {
    let server = Server::start(Options::default());
    let (mut opener, session) = server.open_session();
    session.store(&mut opener, 1, b"hello");
    let mut replies = at_once(8, |_| {
        let mut client = server.connect();
        let reply = client.ask(&session.resume(), b"");
        // One that was overtaken while it was answered may hear only that.
        if reply.code() != Some("session_moved") {
            let _ = reply.clone().is("session_resumed");
        }
        (client, reply)
    });
    opener.reply().refuses("session_moved");
    let epoch = |reply: &Reply| reply["session"]["epoch"].as_u64().unwrap_or(0);
    replies.sort_by_key(|(_, reply)| epoch(reply));
    let (mut newest, resumed) = replies.pop().expect("the newest");
    assert_eq!(epoch(&resumed), 9, "each of them was the newest once");
    for (mut older, reply) in replies {
        if reply.code().is_none() {
            older.reply().refuses("session_moved");
        }
        older.ends();
    }
    session.store(&mut newest, 2, b"hello");
}

#[test]
fn two_connections_that_race_for_a_sequence_apply_it_once() {
    let server = Server::start(Options::default());
    for round in 0..10 {
        let (opener, session) = server.open_session();
        drop(opener);
        let replies = at_once(2, |number| {
            let mut client = server.connect();
            let content = [content(number), vec![b'x'; round * 100_000]].concat();
            client.send_frame(&session.resume(), b"");
            client.send_frame(&session.upload(1, "text/plain", content.len()), &content);
            let resumed = client.reply();
            if resumed.closes() {
                return (resumed, content);
            }
            (client.reply(), content)
        });
        let mut last = server.connect();
        let resumed = last.ask(&session.resume(), b"").is("session_resumed");
        let stored: Vec<_> = replies.iter().filter(|(reply, _)| reply["status"] == "stored").collect();
        for (reply, _) in &replies {
            let expected = ["session_moved", "sequence_reused"];
            assert!(reply.code().is_none_or(|code| expected.contains(&code)), "{}", reply.header);
        }
        assert!(stored.len() <= 1, "two different files under one sequence");
        let visible = harness::visible(&server.storage);
        let own: Vec<_> = visible.iter().filter(|(name, _)| name.contains(&session.id)).collect();
        if resumed.number("session.next_sequence") == 2 {
            assert_eq!(own.len(), 1, "counted once and there once");
        }
        if let Some((reply, content)) = stored.first() {
            assert_eq!(resumed.number("session.next_sequence"), 2);
            assert!(visible[reply.stored_as()] == *content, "acknowledged and not there");
        }
    }
}

#[test]
fn many_writers_of_one_transfer_make_one_file_and_all_that_get_to_the_end_get_one_answer() {
    let server = Server::start(Options::default());
    for size in [5, 300_000] {
        let id = harness::uuid();
        let header = frame::with(frame::upload("text/plain", size), "transfer_id", id);
        let content = harness::noise(9, size);
        let before = harness::names(&server.storage).len();
        let replies = at_once(16, |_| server.connect().ask(&header, &content));
        // A newer one takes an older one over; the newest gets to the end.
        let (replies, moved): (Vec<_>, Vec<_>) = replies.into_iter().partition(|reply| reply["status"] == "stored");
        assert!(moved.iter().all(|reply| reply.code() == Some("transfer_moved")));
        assert_eq!(replies.iter().filter(|reply| !reply.is_replayed()).count(), 1, "one of them stored it");
        assert!(replies.iter().all(|reply| reply["file"] == replies[0]["file"]));
        assert_eq!(harness::names(&server.storage).len(), before + 1);
        assert!(harness::visible(&server.storage)[replies[0].stored_as()] == content);
    }
}

#[test]
fn many_different_writers_of_one_transfer_make_one_whole_file() {
    let server = Server::start(Options::default());
    let id = harness::uuid();
    let replies = at_once(16, |number| {
        let content = harness::noise(u64::try_from(number).expect("a small number"), 200_000);
        let header = frame::with(frame::upload("text/plain", content.len()), "transfer_id", id.as_str());
        let header = frame::with(header, "digest", harness::digest("blake3", &content));
        (server.connect().ask(&header, &content), content)
    });
    let mut stored = replies.iter().filter(|(reply, _)| reply["status"] == "stored");
    let (winner, content) = stored.next().expect("one of them");
    assert!(stored.next().is_none(), "two different files under one id");
    let refused = ["transfer_reused", "transfer_moved"];
    assert!(replies.iter().all(|(reply, _)| reply.code().is_none_or(|code| refused.contains(&code))));
    assert!(harness::visible(&server.storage)[winner.stored_as()] == *content);
}

#[test]
fn memory_for_payloads_is_shared_and_nobody_starves() {
    // Room for one payload at a time; the others wait for it.
    let server = Server::start(Options::with(|config| config.limits.buffer_bytes_max = 1_280 * 1024));
    let content = harness::noise(3, 1_400_000);
    let (mut client, session) = server.open_session();
    at_once(8, |_| {
        server.connect().ask(&frame::upload("text/plain", content.len()), &content).is("stored");
    });
    session.store(&mut client, 1, b"hello");
    assert_eq!(harness::names(&server.storage).len(), 9);
}

#[test]
fn a_session_lives_on_while_others_come_and_go() {
    let server = Server::start(Options::default());
    let (mut client, session): (RawClient, Session) = server.open_session();
    at_once(10, |_| {
        for _ in 0..5 {
            let (mut client, session) = server.open_session();
            session.store(&mut client, 1, b"hello");
            client.reset();
        }
    });
    for sequence in 1..=3 {
        session.store(&mut client, sequence, b"hello");
    }
    assert_eq!(harness::names(&server.storage).len(), 53);
}
