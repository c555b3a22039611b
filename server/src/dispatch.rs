//! (mode of the server, request) -> handler or refusal; and what every reply shows besides the answer.
//! A server without stateful mode has no handler for it, and so no session store either.

use std::sync::Arc;

use shared::digest::DigestKind;
use shared::error::ErrorCode;
use shared::id::{Epoch, Sequence, SessionId};
use shared::session::Session;
use shared::wire::{
    Ack, Action, ErrorBody, Explanation, Ext, Hello, HelloLimits, Mode, Request, Status, VERSION, Week01Upload,
};

use crate::handler::{
    Answer, Begun, Body, Peer, Received, RequestHandler as _, Services, StatefulHandler, StatelessHandler,
};

/// The handlers of the modes this server offers.
#[derive(Debug)]
pub struct Dispatch {
    services: Services,
    stateless: Option<StatelessHandler>,
    stateful: Option<StatefulHandler>,
}

impl Dispatch {
    /// A dispatcher of what it is given.
    #[must_use]
    pub fn new(services: Services, stateless: Option<StatelessHandler>, stateful: Option<StatefulHandler>) -> Self {
        Self { services, stateless, stateful }
    }

    /// What all handlers work with.
    #[must_use]
    pub fn services(&self) -> &Services {
        &self.services
    }

    /// Answers a request, or does the first half of an upload in a session.
    pub async fn begin(&self, request: Request, body: &mut dyn Body, peer: &mut Peer) -> Result<Begun, ErrorBody> {
        match request {
            Request::Hello(_) => Ok(self.hello().into()),
            Request::Stateless(request) => {
                let handler = self.stateless.as_ref().ok_or(ErrorCode::ModeDisabled)?;
                handler.handle(request, body, peer).await
            }
            Request::Stateful(request) => self.stateful()?.handle(request, body, peer).await,
        }
    }

    /// Whether a request is an upload that may be begun while the one of `last` waits for its second half.
    #[must_use]
    pub fn follows(&self, request: &Request, last: Sequence, peer: &Peer) -> bool {
        match (request, &self.stateful) {
            (Request::Stateful(request), Some(handler)) => handler.follows(request, last, peer),
            (Request::Hello(_) | Request::Stateless(_) | Request::Stateful(_), _) => false,
        }
    }

    /// The first half of an upload that [follows](Self::follows) others of the session.
    pub async fn follow(
        &self,
        request: Request,
        session: &Arc<Session>,
        body: &mut dyn Body,
        peer: &Peer,
    ) -> Result<Received, ErrorBody> {
        let Request::Stateful(request) = request else { return Err(ErrorCode::Internal.into()) };
        self.stateful()?.follow(request, session, body, peer).await
    }

    /// The second half of uploads that follow each other; an answer for each.
    pub async fn commit(&self, run: Vec<Received>, peer: &mut Peer) -> Vec<Result<Answer, ErrorBody>> {
        match &self.stateful {
            Some(handler) => handler.commit(run, peer).await,
            None => run.iter().map(|_| Err(ErrorCode::ModeDisabled.into())).collect(),
        }
    }

    /// The outcome of a request of this mode, with what every reply shows besides the answer.
    pub fn dressed(
        &self,
        mode: Mode,
        ext: Ext,
        outcome: Result<Answer, ErrorBody>,
        peer: &mut Peer,
    ) -> Result<Answer, ErrorBody> {
        let mut answer = outcome.inspect_err(|error| {
            let refused = matches!(error.code, ErrorCode::StoreUnavailable | ErrorCode::SessionFull);
            peer.degraded |= mode == Mode::Stateful && refused;
        })?;
        if let (Some(session), Some(handler)) = (&answer.session, &self.stateful) {
            peer.degraded = false;
            let token = answer.reply.session.take().and_then(|info| info.token);
            answer.session_data = handler.ticket(session)?;
            let data_size = u64::try_from(answer.session_data.len()).unwrap_or(u64::MAX);
            answer.reply.session = Some(shared::wire::SessionInfo { token, data_size, ..handler.describe(session) });
        }
        if mode == Mode::Stateless && peer.degraded {
            answer.reply.degraded_from = Some(Mode::Stateful);
        }
        if ext.explain {
            let proof = self.stateful.as_ref().map_or("", StatefulHandler::proof);
            answer.reply.explain = Some(explain(mode, &answer, peer, proof).into());
        }
        Ok(answer)
    }

    fn stateful(&self) -> Result<&StatefulHandler, ErrorCode> {
        self.stateful.as_ref().ok_or(ErrorCode::ModeDisabled)
    }

    /// Stores a Week 01 upload.
    pub async fn week01(&self, upload: Week01Upload, body: &mut dyn Body) -> Result<(), ErrorBody> {
        let handler = self.stateless.as_ref().ok_or(ErrorCode::ModeDisabled)?;
        handler.store_week01(upload, body).await
    }

    /// Keeps a session alive whose connection is busy.
    pub async fn renew(&self, session: SessionId, epoch: Epoch) {
        if let Some(handler) = &self.stateful {
            handler.renew(session, epoch).await;
        }
    }

    fn hello(&self) -> Answer {
        let limits = &self.services.limits;
        let offers = |mode: &Mode| match mode {
            Mode::Stateless => self.stateless.is_some(),
            Mode::Stateful => self.stateful.is_some(),
        };
        let modes: Vec<Mode> = Mode::ALL.into_iter().filter(offers).collect();
        let offered = |action: &&Action| modes.iter().any(|mode| action.exists_in(*mode));
        // A Week 01 upload is a stateless one.
        let week01 = self.stateless.is_some().then(|| "1.0".to_owned());
        let hello = Hello {
            versions: week01.into_iter().chain([VERSION.to_owned()]).collect(),
            actions: Action::ALL.iter().filter(offered).map(|action| action.as_str().to_owned()).collect(),
            modes,
            digests: DigestKind::ALL.to_vec(),
            acks: Ack::ALL.to_vec(),
            store: self.stateful.as_ref().map(|handler| handler.store().to_owned()),
            limits: HelloLimits {
                header_bytes_max: u64::try_from(limits.header_bytes_max).unwrap_or(u64::MAX),
                stateless_request_bytes_max: limits.stateless_request_bytes_max,
                stateful_request_bytes_max: limits.stateful_request_bytes_max,
                in_flight_max: u64::try_from(limits.in_flight_max).unwrap_or(u64::MAX),
                heartbeat_interval_s: limits.heartbeat_interval_ms / 1_000,
                session_timeout_s: limits.session_timeout_ms / 1_000,
            },
        };
        let mut answer = Answer::of(Status::Hello);
        answer.reply.hello = Some(hello.into());
        answer
    }
}

/// The session layer's five answers, from what this request showed.
fn explain(mode: Mode, answer: &Answer, peer: &Peer, proof: &str) -> Explanation {
    let Some(info) = answer.reply.session.as_ref().filter(|_| mode == Mode::Stateful) else {
        return Explanation {
            who: "nobody the server knows: only the address and what this request says".to_owned(),
            continuation: "neither: every request is complete in itself".to_owned(),
            stage: "none is kept".to_owned(),
            silence: "nothing is lost, because nothing is remembered".to_owned(),
            resume: "by sending the request again; a transfer_id makes the repeat safe".to_owned(),
            state_bytes: 0,
        };
    };
    let connection = info.epoch.get();
    let continuation = if answer.reply.status == Status::SessionCreated {
        "a new conversation".to_owned()
    } else if let Some(found) = answer.found {
        format!("a continuation, on connection number {connection}; the session was {}", found.as_str())
    } else {
        format!("inside the conversation, on its connection number {connection}")
    };
    let ended = answer.session.as_ref().is_some_and(|session| session.ended().is_some());
    let (silence, resume) = if ended {
        ("nothing: the session has ended, its files stay".to_owned(), "not at all; a new session is opened".to_owned())
    } else {
        (
            format!("after {} s of silence the session expires; a heartbeat keeps it", info.expires_in_s),
            format!("connect with the session's id and {proof}; then repeat what was not answered"),
        )
    };
    // Of a session that was opened just now, there was nothing to read.
    let read = answer.session.as_ref().filter(|_| answer.reply.status != Status::SessionCreated);
    let state_bytes = read.map_or(0, |session| session.state_bytes());
    Explanation {
        who: format!("session {} from {}, known by its {proof}", info.id, peer.address),
        continuation,
        stage: format!("{}; sequence {} comes next", info.state, info.next_sequence),
        silence,
        resume,
        state_bytes: u64::try_from(state_bytes).unwrap_or(u64::MAX),
    }
}
