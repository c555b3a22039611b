//! One request, from behind its header to the last byte of its answer. Knows nothing of what comes between requests:
//! waiting, silence, the end.

use std::sync::Arc;

use shared::codec::Framing;
use shared::error::ErrorCode;
use shared::wire::{ErrorBody, Frame, Refusal, Reply, Status};

use super::body::{FrameBody, Rest};
use super::connection::{Connection, Ending};
use super::link::{Stream, encode};
use super::run::{Head, Told};
use crate::handler::{Answer, AnswerPayload, Begun, Received};

impl<S: Stream> Connection<S> {
    pub(super) async fn request(&mut self, frame: Frame) -> Result<(), Ending> {
        let head = Head::of(&frame);
        self.link.decoder.follow(frame.framing);
        let moved = self.moved();
        let context = Arc::clone(&self.context);
        let mut body = FrameBody::new(&mut self.link, frame.framing, &context.budget)
            .promising(frame.request.promised_digest())
            .until(moved);
        if frame.expects_continue {
            body = body.awaited();
        }
        let begun = match self.run.last().map(Received::session) {
            None => context.dispatch.begin(frame.request, &mut body, &mut self.peer).await,
            Some(session) => {
                context.dispatch.follow(frame.request, session, &mut body, &self.peer).await.map(Begun::Received)
            }
        };
        let rest = body.rest();
        drop(body);
        let outcome = match begun {
            Ok(Begun::Received(received)) => {
                self.run.push(head, received);
                return Ok(());
            }
            Ok(Begun::Answered(answer)) => Ok(answer),
            Err(error) => Err(error),
        };
        self.commit().await?;
        match self.told(head, outcome) {
            Told::Answer(answer) => self.conclude(answer, rest, frame.framing).await,
            Told::LastWords(answer) => Err(self.last_words(answer).await),
        }
    }

    /// What the client is told of a request's outcome. It is logged here.
    pub(super) fn told(&mut self, head: Head, outcome: Result<Answer, ErrorBody>) -> Told {
        let context = Arc::clone(&self.context);
        let Head { action, mode, sequence, ext, started } = head;
        let session = self.peer.bound.as_ref().map(|bound| tracing::field::display(bound.session));
        let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let number = sequence.map(shared::id::Sequence::get);
        let span = tracing::info_span!("request", %action, %mode, session, sequence = number, ms);
        match context.dispatch.dressed(mode, ext, outcome, &mut self.peer) {
            Ok(answer) => {
                span.in_scope(|| tracing::debug!("answered"));
                if answer.reply.status == Status::Stored && !answer.reply.replayed {
                    self.tally.stored();
                }
                Told::Answer(answer)
            }
            Err(body) => {
                let (code, field) = (body.code, body.field.clone());
                let answer = Answer::new(Reply { sequence, ..Reply::error(body) });
                if code.always_closes() {
                    span.in_scope(|| self.tally.closing(code, field.as_deref()));
                    return Told::LastWords(answer);
                }
                span.in_scope(|| self.tally.refused(code, field.as_deref()));
                Told::Answer(answer)
            }
        }
    }

    /// A header that makes no request. What follows it is dropped, if anybody knows what that is.
    pub(super) async fn refuse(&mut self, refusal: Refusal) -> Result<(), Ending> {
        let framing = refusal.framing.filter(|_| !refusal.code.always_closes());
        let body = ErrorBody::from(refusal);
        let Some(framing) = framing else { return Err(Ending::Refused(body)) };
        self.tally.refused(body.code, body.field.as_deref());
        self.link.decoder.follow(framing);
        let rest = FrameBody::new(&mut self.link, framing, &self.context.budget).rest();
        self.conclude(Answer::new(Reply::error(body)), rest, framing).await
    }

    /// Sends the answer and brings the stream to the next header. A rest of known length is dropped after
    /// the reply, so that the client hears early; chunks are dropped before it, because only then it is
    /// known whether the connection can go on.
    async fn conclude(&mut self, answer: Answer, rest: Rest, framing: Framing) -> Result<(), Ending> {
        let bytes_max = self.context.limits().drop_bytes_max;
        let context = Arc::clone(&self.context);
        let moved = self.moved();
        match rest {
            Rest::Nothing => {
                self.link.decoder.skip_body();
                self.send(answer).await
            }
            Rest::Bytes(left) if left <= bytes_max => {
                self.send(answer).await?;
                let discarded =
                    FrameBody::new(&mut self.link, framing, &context.budget).until(moved).discard(bytes_max).await;
                match discarded {
                    Ok(()) => Ok(()),
                    Err(error) if error.code == ErrorCode::Truncated => Err(Ending::Lost),
                    Err(error) => Err(Ending::Refused(error)),
                }
            }
            Rest::Chunks => {
                let discarded =
                    FrameBody::new(&mut self.link, framing, &context.budget).until(moved).discard(bytes_max).await;
                match discarded {
                    Ok(()) => self.send(answer).await,
                    Err(_) => Err(self.last_words(answer).await),
                }
            }
            Rest::Bytes(_) => Err(self.last_words(answer).await),
        }
    }

    /// Sends an answer after which the connection closes.
    pub(super) async fn last_words(&mut self, answer: Answer) -> Ending {
        let reply = Reply { closing: true, ..answer.reply };
        match self.send(Answer { reply, payload: AnswerPayload::Nothing, ..answer }).await {
            Ok(()) => Ending::Goodbye,
            Err(ending) => ending,
        }
    }

    pub(super) fn send(&mut self, mut answer: Answer) -> impl Future<Output = Result<(), Ending>> + Send + '_ {
        answer.reply.server_time_ms = Some(self.context.now());
        self.link.owe(&encode(&answer.reply));
        self.link.owe(&answer.session_data);
        self.send_payload(answer.payload)
    }
}
