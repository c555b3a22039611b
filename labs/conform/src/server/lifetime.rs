//! Level 4: a session outlives its connections, is held by the newest, and ends (PROTOCOL.md section 6).

use std::time::Duration;

use super::Ground;
use super::requests::frame;
use super::session::{Proof, Session};
use crate::check::{Check, Checked, Need, Stop};
use crate::env::{self, fresh_id};

type Server = Check<Ground>;

/// The longest timeout of a session that the kit waits for.
const TIMEOUT_MAX_S: u64 = 20;

pub(super) const CHECKS: &[Server] = &[
    Server::new("a session goes on over a new connection", "6, Continuing", goes_on),
    Server::new("a request whose reply was lost is done once", "5, 6", lost_reply),
    Server::new("the newest connection wins, and the older one is told", "6, Continuing", newest_wins),
    Server::new("a wrong proof and an unknown id get the same answer", "6, The end", unknown),
    Server::new("disconnect ends the session and leaves the connection open", "3", disconnect),
    Server::new("a lost goodbye is said again", "3, 6, The end", goodbye_again),
    Server::new("a session that was silent too long has expired", "6, The end", expired).slow().needs(&[Need::Tokens]),
];

fn goes_on(ground: &Ground) -> Checked {
    let mut session = Session::open(ground)?;
    let first = session.stores(1, b"one")?;
    let epoch = first.number("session.epoch")?;
    let (reply, old) = session.resume_on(ground.connect()?)?;
    old.cut();
    reply.has("session.next_sequence", 2)?;
    reply.has("session.epoch", epoch + 1)?;
    reply.lacks("session.token")?;
    session.ask(&session.upload(1, 3), "one")?.stored(b"one")?.has("file.stored_as", first.text("file.stored_as")?)?;
    session.stores(2, b"two")?;
    Ok(())
}

fn lost_reply(ground: &Ground) -> Checked {
    let mut session = Session::open(ground)?;
    session.link.send(frame(&session.upload(1, 5), "hello"));
    // Whether it is done when the new connection comes is the server's luck; that it is done once is not.
    let (_, old) = session.resume_on(ground.connect()?)?;
    old.cut();
    let reply = session.ask(&session.upload(1, 5), "hello")?.stored(b"hello")?;
    reply.has("session.next_sequence", 2)?;
    session.ask(&session.request("status"), "")?.is("session_status")?.has("record.files_transferred", 1)
}

fn newest_wins(ground: &Ground) -> Checked {
    let mut session = Session::open(ground)?;
    session.stores(1, b"one")?;
    let (_, mut old) = session.resume_on(ground.connect()?)?;
    let told = old.reply()?.refused("session_moved")?;
    told.has("error.retry", "never")?;
    told.has("closing", true)?;
    old.expect_end("the end of the older connection")?;
    session.stores(2, b"two")?;
    Ok(())
}

fn unknown(ground: &Ground) -> Checked {
    let session = Session::open(ground)?;
    let wrong = match &session.proof {
        Proof::Token(_) => Proof::Token("A".repeat(43)),
        Proof::Ticket(ticket) => Proof::Ticket(vec![7; ticket.len()]),
    };
    let guess = |id: &str, proof: &Proof| -> Checked<Session> {
        Ok(Session { link: ground.connect()?, id: id.to_owned(), proof: proof.clone() })
    };
    for mut session in [guess(&session.id, &wrong)?, guess(&fresh_id(), &session.proof)?] {
        session.link.send(session.resuming());
        let reply = session.reply()?.refused("session_unknown")?;
        reply.has("error.retry", "new_session")?;
        reply.lacks("error.reason")?;
    }
    Ok(())
}

fn disconnect(ground: &Ground) -> Checked {
    let mut session = Session::open(ground)?;
    session.stores(1, b"one")?;
    let closed = session.ask(&session.numbered("disconnect", 2), "")?.is("session_closed")?;
    closed.has("sequence", 2)?;
    closed.lacks("closing")?;
    let gone = session.ask(&session.request("heartbeat"), "")?.refused("session_gone")?;
    gone.has("error.reason", "closed")?;
    gone.has("error.retry", "new_session")?;
    // The connection has been told, so it may open another session.
    let (mut next, _) = Session::open_on(session.link)?;
    next.stores(1, b"two")?;
    Ok(())
}

fn goodbye_again(ground: &Ground) -> Checked {
    let mut session = Session::open(ground)?;
    session.stores(1, b"one")?;
    session.ask(&session.numbered("disconnect", 2), "")?.is("session_closed")?;
    session.ask(&session.numbered("disconnect", 2), "")?.is("session_closed")?.has("replayed", true)?;
    let mut link = ground.connect()?;
    let reply = link.ask(session.resuming())?.is("session_closed")?;
    reply.has("replayed", true)?;
    // Nothing is bound by that.
    link.ask(frame(&session.request("heartbeat"), ""))?.refused("session_required")?;
    Ok(())
}

fn expired(ground: &Ground) -> Checked {
    let timeout = ground.offer.limit("session_timeout_s", 300);
    if timeout > TIMEOUT_MAX_S {
        let reason = format!("a session lasts {timeout} s, and the kit waits for {TIMEOUT_MAX_S} s at most");
        return Err(Stop::NotOffered(reason));
    }
    let mut session = Session::open(ground)?;
    session.stores(1, b"one")?;
    let connect = session.resuming();
    session.link.cut();
    // Only silence makes a session expire, so there is nothing to wait for but the time.
    env::pause(Duration::from_secs(timeout + 1));
    let reply = ground.connect()?.ask(connect)?.refused("session_gone")?;
    reply.has("error.reason", "expired")
}
