//! What a session's receipts and facts look like as answers.

use std::sync::Arc;

use shared::session::{Outcome, Receipt, Session};
use shared::wire::{Record, Reply, Status};

use crate::handler::Answer;

/// What the server remembers of the session.
pub(super) fn status(session: &Session) -> Answer {
    let record = Record {
        client_address: session.client_address().to_string(),
        created_at: session.created(),
        last_activity: session.last_activity(),
        message_count: session.message_count(),
        total_bytes: session.total_bytes(),
        files_transferred: session.files_transferred(),
        state_bytes: u64::try_from(session.state_bytes()).unwrap_or(u64::MAX),
    };
    let mut answer = Answer::of(Status::SessionStatus);
    answer.reply.record = Some(record.into());
    answer
}

pub(super) fn answer_to(receipt: &Receipt) -> Answer {
    let mut answer = match &receipt.outcome {
        Outcome::Stored(file, ack) => {
            let mut answer = Answer::of(Status::Stored);
            answer.reply.file = Some(file.clone());
            answer.reply.ack = Some(*ack);
            answer
        }
        Outcome::Removed(_) => Answer::of(Status::Removed),
        Outcome::Closed => Answer::of(Status::SessionClosed),
    };
    answer.reply.sequence = Some(receipt.sequence);
    answer
}

pub(super) fn replay(receipt: &Receipt) -> Answer {
    let answer = answer_to(receipt);
    Answer { reply: Reply { replayed: true, ..answer.reply }, ..answer }
}

/// The goodbye again, for a client that lost it.
pub(super) fn goodbye(session: &Arc<Session>) -> Answer {
    let answer = match session.last_receipt() {
        Some(receipt) => replay(receipt),
        None => Answer::of(Status::SessionClosed),
    };
    answer.in_session(Arc::clone(session))
}
