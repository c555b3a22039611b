//! Sends one file as one frame and says what came of it. Knows nothing of the files before and after.

use shared::codec::encode_chunk_length;
use shared::digest::Digest;
use shared::wire::{Reply, Trailer};

use crate::conversation::{Reach, Stream};
use crate::failure::Failure;
use crate::header::{FileFacts, Header};
use crate::reading::{Block, Reading};
use crate::report::Report;
use crate::transport::{Connection, Written};

/// What came of sending one frame.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It was sent, so far as the server wants it. Its answer may still be under way.
    Sent(Stream),
    /// The connection is gone and the answer with it. So much of the frame had left.
    Lost(Failure, Reach),
    /// The file could not be read, so its frame was cut.
    Abandoned(Failure),
}

/// What was sent, as far as this side knows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent {
    /// How far in the file it is.
    pub(crate) bytes: u64,
    pub(crate) reach: Reach,
    /// Of the whole file, once all of it was read.
    pub(crate) digest: Option<Digest>,
}

impl Default for Sent {
    fn default() -> Self {
        Self { bytes: 0, reach: Reach::Nothing, digest: None }
    }
}

/// Sends the frame and does not wait for its reply. `content` is `None` when the bytes were given out before and
/// cannot be had again; then the server can only be asked whether it has them.
pub(crate) async fn upload(
    connection: &mut Connection,
    header: &Header,
    expects_continue: ExpectsContinue,
    content: Option<&mut Reading>,
    report: &Report,
) -> (Outcome, Sent) {
    let mut sent = Sent::default();
    let outcome = match send(connection, header, expects_continue, content, report, &mut sent).await {
        Ok(()) => Outcome::Sent(Stream::AtBoundary),
        Err(Stop::Answered) => Outcome::Sent(Stream::InsideFrame),
        Err(Stop::Connection(failure)) => Outcome::Lost(failure, sent.reach),
        Err(Stop::Local(failure)) => Outcome::Abandoned(failure),
    };
    (outcome, sent)
}

/// Whether the server is to answer before the payload is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExpectsContinue {
    Yes,
    No,
}

/// Why a frame is not sent to its end.
enum Stop {
    /// Its answer is there, and the rest of it is not wanted.
    Answered,
    Connection(Failure),
    Local(Failure),
}

async fn send(
    connection: &mut Connection,
    header: &Header,
    expects_continue: ExpectsContinue,
    content: Option<&mut Reading>,
    report: &Report,
    sent: &mut Sent,
) -> Result<(), Stop> {
    whole(connection.header(header).await)?;
    if expects_continue == ExpectsContinue::Yes
        && connection.wanted().await.map_err(Stop::Connection)? == Written::Answered
    {
        // No payload belongs to this frame any more.
        return Ok(());
    }
    let Some(content) = content else {
        let cause = "the connection was lost, and what came through a pipe cannot be sent twice".to_owned();
        return Err(Stop::Local(Failure::Local { what: "not sent".to_owned(), cause }));
    };
    let chunked = content.size().is_none();
    sent.bytes = content.offset();
    let digest = loop {
        let block = if chunked {
            // A pipe may be silent for long; what the server says meanwhile is heard.
            tokio::select! {
                biased;
                early = connection.early() => return whole(early),
                block = content.next() => block,
            }
        } else {
            content.next().await
        };
        match block.map_err(Stop::Local)? {
            Block::End(digest) => break digest,
            Block::Bytes(block) => {
                sent.reach = Reach::Part;
                let length = u64::try_from(block.len()).unwrap_or(u64::MAX);
                if chunked {
                    whole(connection.push(encode_chunk_length(length)).await)?;
                }
                whole(connection.push(block).await)?;
                sent.bytes = sent.bytes.saturating_add(length);
                report.advance(length);
            }
        }
    };
    sent.digest = Some(digest);
    connection.payload_ends(sent.bytes.saturating_sub(content.offset()));
    // Whoever has what follows has a whole frame.
    sent.reach = Reach::Whole;
    if chunked {
        whole(connection.push(encode_chunk_length(0)).await)?;
    }
    whole(connection.trailer(&Trailer { digest: Some(digest) }).await)?;
    whole(connection.flush().await)
}

/// Goes on only if all of it was written.
fn whole(written: Result<Written, Failure>) -> Result<(), Stop> {
    match written.map_err(Stop::Connection)? {
        Written::All => Ok(()),
        Written::Answered => Err(Stop::Answered),
    }
}

/// Compares what the server says it stored with what was sent.
pub(crate) fn verify(reply: &Reply, facts: &FileFacts, sent: Sent, digest: Digest) -> Result<(), Failure> {
    let Some(file) = &reply.file else {
        return Err(Failure::Broken("it stored a file and does not say which".to_owned()));
    };
    if file.stored_as.chars().any(char::is_control) {
        return Err(Failure::Broken("a stored file's name with control characters".to_owned()));
    }
    let Some(theirs) = file.digest else {
        return Err(Failure::Broken("it stored a file and does not say its digest".to_owned()));
    };
    if theirs.kind() != digest.kind() {
        return Err(Failure::Broken("it answers with a digest of another kind".to_owned()));
    }
    if theirs != digest {
        return Err(Failure::integrity("the stored bytes are not the bytes sent", digest, theirs));
    }
    let size = facts.size.or((sent.bytes > 0).then_some(sent.bytes));
    if size.is_some_and(|size| size != file.size) {
        return Err(Failure::Broken(format!("it stored {} bytes under the digest of other ones", file.size)));
    }
    // No promise at all is the weakest one.
    let weaker = facts.ack.is_some_and(|asked| reply.ack.is_none_or(|kept| kept < asked));
    if weaker && !reply.replayed {
        return Err(Failure::Broken("it kept a weaker promise than the one asked for".to_owned()));
    }
    Ok(())
}
