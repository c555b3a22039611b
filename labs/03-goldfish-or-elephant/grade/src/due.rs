//! What must come of a request, and how a request and its answer are told. Knows no server.

use crate::{Carried, ErrorCode, Mode, Progress, Request};

/// How a client is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    Stateless,
    Stateful,
    /// Stateless, by a server that would rather be stateful.
    Degraded,
}

/// What must come of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Due {
    Progress {
        files: u32,
        bytes: u64,
        /// What is new on the disk: none when the file is there already.
        stored: Option<u64>,
    },
    Refused(ErrorCode),
}

impl Due {
    pub(crate) fn is_met(&self, service: Service, reply: &Result<Progress, ErrorCode>) -> bool {
        match (self, reply) {
            (Self::Refused(due), Err(code)) => due == code,
            (Self::Progress { files, bytes, .. }, Ok(progress)) => {
                let served = match (&progress.carried, progress.degraded_from) {
                    (Carried::Context(_), None) => Some(Service::Stateless),
                    (Carried::Context(_), Some(Mode::Stateful)) => Some(Service::Degraded),
                    (Carried::Session(_), None) => Some(Service::Stateful),
                    (Carried::Context(_), Some(Mode::Stateless)) | (Carried::Session(_), Some(_)) => None,
                };
                (*files, *bytes, Some(service)) == (progress.files, progress.bytes, served)
            }
            (Self::Refused(_), Ok(_)) | (Self::Progress { .. }, Err(_)) => false,
        }
    }

    /// How many files and bytes are new on the disk.
    pub(crate) fn stored(&self) -> (usize, u64) {
        match self {
            Self::Progress { stored: Some(size), .. } => (1, *size),
            Self::Progress { stored: None, .. } | Self::Refused(_) => (0, 0),
        }
    }

    pub(crate) fn told(&self, service: Service) -> String {
        match self {
            Self::Refused(code) => code.on_the_wire().to_owned(),
            Self::Progress { files, bytes, .. } => {
                let carried = match service {
                    Service::Stateless => "a context",
                    Service::Stateful => "a session",
                    Service::Degraded => "a context, degraded from stateful",
                };
                format!("{}, to carry: {carried}", so_far(*files, *bytes))
            }
        }
    }
}

/// A request in words.
pub(crate) fn asked(request: &Request) -> String {
    match request {
        Request::Connect => "connect".to_owned(),
        Request::Transfer { carried: Carried::Session(_), size } => format!("transfer {size} bytes, with a session"),
        Request::Transfer { carried: Carried::Context(context), size } => {
            format!("transfer {size} bytes, with a context of {}", context.len())
        }
    }
}

/// An answer in words.
pub(crate) fn told(reply: &Result<Progress, ErrorCode>) -> String {
    match reply {
        Err(code) => code.on_the_wire().to_owned(),
        Ok(Progress { files, bytes, carried, degraded_from }) => {
            let carried = match carried {
                Carried::Session(_) => "a session".to_owned(),
                Carried::Context(context) => format!("a context of {} bytes", context.len()),
            };
            let degraded = match degraded_from {
                None => "",
                Some(Mode::Stateless) => ", degraded from stateless",
                Some(Mode::Stateful) => ", degraded from stateful",
            };
            format!("{}, to carry: {carried}{degraded}", so_far(*files, *bytes))
        }
    }
}

fn so_far(files: u32, bytes: u64) -> String {
    match files {
        0 => format!("session_created, {bytes} bytes"),
        files => format!("stored #{files}, {bytes} bytes so far"),
    }
}
