//! One connection from greeting to close: header by header, each answered before the next is read. After
//! a reply the stream is at a frame boundary, or the connection ends.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use shared::codec::Event;
use shared::error::ErrorCode;
use shared::wire::{Dialect, ErrorBody, Frame, Incoming, Refusal, Reply, read_header, wants_json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::body::{cancelled, millis};
use super::context::Context;
use super::link::{Filled, Link, Stream, now};
use super::run::Run;
use super::tally::Tally;
use super::week01::{self, WEEK01_SILENCE_MS};
use crate::handler::{Answer, Peer};

/// How long a connection stays ready for the next frame, with all the memory that takes.
const LULL_MS: u64 = 20;

/// A client that sends its next frame so soon is looked for instead of slept for, no longer than this. Being woken takes
/// half of it.
const SOON: Duration = Duration::from_micros(100);

/// A connection and what is known of its client.
#[derive(Debug)]
pub struct Connection<S> {
    pub(super) link: Link<S>,
    dialect: Dialect,
    pub(super) peer: Peer,
    /// When the last frame was over.
    quiet_since: Instant,
    /// The last frame came soon after the one before.
    prompt: bool,
    /// Week 01 files stored and not acknowledged yet.
    pub(super) owed: usize,
    /// Uploads that came close behind each other and wait to be shown and counted together.
    pub(super) run: Run,
    pub(super) tally: Tally,
    pub(super) context: Arc<Context>,
}

/// What a connection does next.
enum Next {
    /// This line begins a frame.
    Frame(Bytes),
    /// Nothing more is at hand, and the uploads received so far wait.
    Commit,
}

/// Why no further frame is read.
pub(super) enum Ending {
    /// The client said goodbye, or was never there.
    Goodbye,
    /// The connection was lost, or the client does not read.
    Lost,
    /// The client is told this, and then the connection closes.
    Refused(ErrorBody),
    /// The same for a client that reads no JSON.
    Plain(ErrorCode),
}

impl<S: Stream> Connection<S> {
    /// A connection that was just accepted.
    #[must_use]
    pub fn new(stream: S, address: SocketAddr, context: Arc<Context>) -> Self {
        let number = context.number();
        Self::numbered(stream, SocketAddr::new(address.ip().to_canonical(), address.port()), number, context)
    }

    /// A connection that was accepted at this place among all. The client's address is canonical.
    pub(super) fn numbered(stream: S, client: SocketAddr, number: u64, context: Arc<Context>) -> Self {
        let link = Link::new(stream, context.limits());
        Self {
            link,
            dialect: Dialect::Unsettled,
            peer: Peer { address: client.ip(), number, bound: None, degraded: false },
            quiet_since: now(),
            prompt: false,
            owed: 0,
            run: Run::default(),
            tally: Tally::new(number, client),
            context,
        }
    }

    /// Serves the connection to its end.
    #[expect(
        clippy::manual_async_fn,
        reason = "it would keep the connection twice: as it was given, and as it is used"
    )]
    pub fn serve(mut self) -> impl Future<Output = ()> + Send {
        async move {
            let ending = self.frames().await;
            let span = self.tally.span();
            // Apart, like everything that is not waiting for the next frame.
            Box::pin(self.end(ending).instrument(span)).await;
        }
    }

    async fn end(mut self, mut ending: Ending) {
        if let Err(earlier) = self.commit().await {
            ending = earlier;
        }
        self.pay().await;
        let said = self.say_goodbye(ending).await;
        self.tally.ended();
        if !said {
            return;
        }
        let context = Arc::clone(&self.context);
        // The session is free for another connection before this one has drained.
        drop((self.peer, self.tally));
        self.link.linger(context.limits()).await;
    }

    /// Tells the client why nothing more is read, if it is there to be told.
    async fn say_goodbye(&mut self, ending: Ending) -> bool {
        match ending {
            Ending::Goodbye => {}
            Ending::Lost => return false,
            Ending::Refused(body) => {
                self.tally.closing(body.code, body.field.as_deref());
                let reply = Reply { closing: true, ..Reply::error(body) };
                if self.send(Answer::new(reply)).await.is_err() {
                    return false;
                }
            }
            Ending::Plain(code) => {
                self.tally.closing(code, None);
                if self.link.write(week01::told(code)).await.is_err() {
                    return false;
                }
            }
        }
        self.link.flush().await.is_ok()
    }

    async fn frames(&mut self) -> Ending {
        loop {
            if let Err(ending) = self.idle().await {
                return ending;
            }
            // Apart, so that a connection on which nothing happens takes no memory for what might happen.
            let span = self.tally.span();
            if let Err(ending) = Box::pin(self.busy().instrument(span)).await {
                return ending;
            }
        }
    }

    /// Waits for the first bytes after a while. Without memory for them, and without what only matters between frames
    /// that come close behind each other: nothing is owed to a client that was silent so long.
    async fn idle(&mut self) -> Result<(), Ending> {
        let context = Arc::clone(&self.context);
        let moved = self.moved();
        let deadline = self.quiet_since + millis(self.quiet_ms());
        tokio::select! {
            biased;
            () = cancelled(moved.as_ref()) => Err(Ending::Refused(ErrorCode::SessionMoved.into())),
            // A Week 01 client is given some time yet.
            () = context.stop.cancelled() => if self.dialect == Dialect::Week01 { Ok(()) } else { Err(self.stopping()) },
            filled = tokio::time::timeout_at(deadline, self.link.fill_idle(&context.budget)) => match filled {
                Ok(Ok(Filled::Bytes(_))) => Ok(()),
                Ok(Ok(Filled::End)) => Err(self.ended()),
                Ok(Err(_)) => Err(Ending::Lost),
                Err(_) => Err(self.timed_out()),
            },
        }
    }

    /// Frame after frame, until nothing has come for a while.
    async fn busy(&mut self) -> Result<(), Ending> {
        let context = Arc::clone(&self.context);
        while let Some(next) = self.next().await? {
            let held = self.peer.bound.as_ref().filter(|bound| !bound.ended).map(|bound| (bound.session, bound.epoch));
            {
                // Pinned here, because every move of it would be a copy of all that a frame may need.
                let serve = pin!(async {
                    match next {
                        Next::Frame(line) => self.frame(&line).await,
                        Next::Commit => self.commit().await,
                    }
                });
                // Meanwhile the client cannot be heard of, so the session it holds is renewed.
                tokio::select! {
                    biased;
                    served = serve => served?,
                    never = context.keep_alive(held) => match never {},
                }
            }
            self.quiet_since = now();
        }
        Ok(())
    }

    async fn frame(&mut self, line: &[u8]) -> Result<(), Ending> {
        let frame = match read_header(line, self.dialect) {
            Ok(Incoming::Frame(raw)) => Frame::try_from(*raw),
            other => {
                self.commit().await?;
                return self.other_line(line, other).await;
            }
        };
        self.dialect = Dialect::V2;
        let frame = match frame {
            Ok(frame) if self.continues_run(&frame) => return self.request(frame).await,
            other => other,
        };
        self.commit().await?;
        // Whatever the next one waits for, those before it have been answered.
        self.link.flush().await.map_err(|_| Ending::Lost)?;
        // Frames that were sent before the client could hear of the stop are not begun any more.
        if self.context.stop.is_cancelled() {
            return Err(self.stopping());
        }
        match frame {
            Ok(frame) => self.request(frame).await,
            Err(refusal) => self.refuse(refusal).await,
        }
    }

    /// A line that is no header of this protocol's own version.
    async fn other_line(&mut self, line: &[u8], read: Result<Incoming, Refusal>) -> Result<(), Ending> {
        match read {
            Ok(Incoming::Week01(upload)) => {
                self.dialect = Dialect::Week01;
                self.week01(upload).await
            }
            Ok(Incoming::InvalidWeek01 | Incoming::Frame(_)) => Err(Ending::Plain(ErrorCode::BadField)),
            Err(refusal) => {
                let no_header =
                    matches!(refusal.code, ErrorCode::BadEncoding | ErrorCode::BadHeader | ErrorCode::DuplicateKey);
                if no_header && !self.speaks_json(line) || self.dialect == Dialect::Week01 {
                    return Err(Ending::Plain(refusal.code));
                }
                self.dialect = Dialect::V2;
                self.refuse(refusal).await
            }
        }
    }

    /// What is to be done next, if the next frame begins soon. Waits for the rest of its header as long as that may
    /// take; but for nothing while there is a run to be committed.
    async fn next(&mut self) -> Result<Option<Next>, Ending> {
        let context = Arc::clone(&self.context);
        let quiet_since = self.quiet_since;
        self.link.shrink();
        let mut begun: Option<Instant> = None;
        loop {
            let week01 = self.dialect == Dialect::Week01;
            if self.context.stop.is_cancelled() && self.link.decoder.at_boundary() && !week01 {
                return Err(self.stopping());
            }
            match self.link.decoder.next_event() {
                Ok(Some(Event::Header(line))) => {
                    self.prompt = quiet_since.elapsed() < SOON;
                    return Ok(Some(Next::Frame(line)));
                }
                Ok(None) if !self.run.is_empty() => return Ok(Some(Next::Commit)),
                Ok(None) => self.link.flush().await.map_err(|_| Ending::Lost)?,
                Ok(Some(Event::SessionData(_) | Event::Payload(_) | Event::End(_))) => {
                    return Err(Ending::Refused(ErrorCode::Internal.into()));
                }
                Err(fault) => {
                    let body = ErrorBody::new(fault.kind.code(), fault.kind.message());
                    return Err(self.refusal_of(&fault.line, body));
                }
            }
            let fresh = self.link.decoder.unfinished().is_empty();
            if fresh && self.prompt {
                self.prompt = false;
                if let Ok(_place) = context.looking.try_acquire()
                    && let Some(filled) = self.link.look_until(quiet_since + SOON, &context.budget).await
                {
                    match filled {
                        Ok(Filled::Bytes(_)) => continue,
                        Ok(Filled::End) => return Err(self.ended()),
                        Err(_) => return Err(Ending::Lost),
                    }
                }
            }
            if !fresh && begun.is_none() {
                begun = Some(now());
            }
            let deadline = match begun {
                Some(begun) => begun + millis(self.context.limits().header_timeout_ms),
                None => quiet_since + millis(self.quiet_ms()),
            };
            let stopping = self.context.stop.is_cancelled();
            // A Week 01 client hears no goodbye, so it is only left when it has been silent for a while.
            let leaving = stopping && fresh && week01;
            let deadline = if leaving { deadline.min(quiet_since + millis(WEEK01_SILENCE_MS)) } else { deadline };
            let pay_at = (self.owed > 0 && fresh).then(|| now() + millis(WEEK01_SILENCE_MS));
            let moved = self.moved();
            let stop = (fresh && !leaving).then_some(&self.context.stop);
            let lull_at = (fresh && !leaving && pay_at.is_none()).then(|| quiet_since + millis(LULL_MS));
            let wait_until = [pay_at, lull_at].into_iter().flatten().fold(deadline, Instant::min);
            let fill = self.link.fill_between(&context.budget);
            tokio::select! {
                biased;
                () = cancelled(moved.as_ref()) => return Err(Ending::Refused(ErrorCode::SessionMoved.into())),
                () = cancelled(stop) => {
                    if !week01 {
                        return Err(self.stopping());
                    }
                }
                filled = tokio::time::timeout_at(wait_until, fill) => match filled {
                    Ok(Ok(Filled::Bytes(_))) => {}
                    Ok(Ok(Filled::End)) => return Err(self.ended()),
                    Ok(Err(_)) => return Err(Ending::Lost),
                    Err(_) if now() >= deadline => return Err(self.timed_out()),
                    Err(_) if pay_at.is_some() => self.pay().await,
                    Err(_) => return Ok(None),
                },
            }
        }
    }

    /// Cancelled when a newer connection takes the session over.
    pub(super) fn moved(&self) -> Option<CancellationToken> {
        self.peer.bound.as_ref().map(|bound| bound.moved.clone())
    }

    /// Milliseconds this connection may be quiet between frames.
    fn quiet_ms(&self) -> u64 {
        let limits = self.context.limits();
        let in_session = self.peer.bound.as_ref().is_some_and(|bound| !bound.ended);
        if in_session { limits.session_silence_ms() } else { limits.request_timeout_ms }
    }

    fn ended(&self) -> Ending {
        if self.link.decoder.at_boundary() {
            return Ending::Goodbye;
        }
        self.refusal_of(self.link.decoder.unfinished(), ErrorCode::Truncated.into())
    }

    fn timed_out(&self) -> Ending {
        if !self.link.decoder.at_boundary() {
            return self.refusal_of(self.link.decoder.unfinished(), ErrorCode::HeaderTimeout.into());
        }
        Ending::Goodbye
    }

    fn stopping(&self) -> Ending {
        match self.dialect {
            Dialect::V2 => Ending::Refused(ErrorCode::ShuttingDown.into()),
            Dialect::Unsettled | Dialect::Week01 => Ending::Goodbye,
        }
    }

    /// A refusal in the peer's own dialect, as far as its bytes show it.
    fn refusal_of(&self, line: &[u8], body: ErrorBody) -> Ending {
        if self.speaks_json(line) { Ending::Refused(body) } else { Ending::Plain(body.code) }
    }

    fn speaks_json(&self, line: &[u8]) -> bool {
        match self.dialect {
            Dialect::V2 => true,
            Dialect::Week01 => false,
            Dialect::Unsettled => wants_json(line),
        }
    }
}
