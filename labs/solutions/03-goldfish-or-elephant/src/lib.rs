//! Lab 03, Goldfish or Elephant: a solution. There are others.

use std::collections::HashMap;

use grade_03::{
    Build, Carried, ErrorCode, Key, MAC_BYTES, Mode, Progress, QUOTA_BYTES, Request, SILENCE_MS_MAX, SessionId,
    StatefulHandler, StatelessHandler, World,
};

/// Where an upload stands. Both servers count so; they differ in who keeps it.
#[derive(Debug, Clone, Copy)]
struct Upload {
    id: SessionId,
    files: u32,
    bytes: u64,
    /// When its client was last heard.
    heard_ms: u64,
}

impl Upload {
    fn new(world: &mut World) -> Self {
        Self { id: world.new_id(), files: 0, bytes: 0, heard_ms: world.now_ms() }
    }

    /// The upload with one more file. An error leaves all as it was.
    fn with(self, size: u64, world: &mut World) -> Result<Self, ErrorCode> {
        // A size is what somebody says, so the sum may be more than a number holds.
        let bytes = self.bytes.checked_add(size).filter(|bytes| *bytes <= QUOTA_BYTES);
        let bytes = bytes.ok_or(ErrorCode::QuotaExceeded)?;
        let files = self.files.checked_add(1).ok_or(ErrorCode::QuotaExceeded)?;
        // The name follows from the upload and its count alone, so an old context names a file that is there.
        world.store(self.id, files, size)?;
        Ok(Self { id: self.id, files, bytes, heard_ms: world.now_ms() })
    }

    fn is_over(&self, now_ms: u64) -> bool {
        now_ms.saturating_sub(self.heard_ms) > SILENCE_MS_MAX
    }

    fn progress(self, carried: Carried) -> Progress {
        Progress { files: self.files, bytes: self.bytes, carried, degraded_from: None }
    }
}

/// Remembers nothing.
#[derive(Debug)]
pub struct Goldfish {
    key: Key,
}

impl StatelessHandler for Goldfish {
    fn answer(&self, request: &Request, world: &mut World) -> Result<Progress, ErrorCode> {
        let upload = match request {
            Request::Connect => Upload::new(world),
            Request::Transfer { carried: Carried::Context(context), size } => {
                let upload = self.open(context).ok_or(ErrorCode::SessionUnknown)?;
                if upload.is_over(world.now_ms()) {
                    return Err(ErrorCode::SessionGone);
                }
                upload.with(*size, world)?
            }
            Request::Transfer { carried: Carried::Session(_), .. } => return Err(ErrorCode::SessionUnknown),
        };
        Ok(upload.progress(Carried::Context(self.seal(upload))))
    }
}

impl Goldfish {
    fn seal(&self, upload: Upload) -> Vec<u8> {
        let Upload { id, files, bytes, heard_ms } = upload;
        let mut context = id.to_bytes().to_vec();
        context.extend_from_slice(&files.to_be_bytes());
        context.extend_from_slice(&bytes.to_be_bytes());
        context.extend_from_slice(&heard_ms.to_be_bytes());
        let mac = self.key.mac(&context);
        context.extend_from_slice(&mac);
        context
    }

    fn open(&self, context: &[u8]) -> Option<Upload> {
        let (content, mac) = context.split_last_chunk::<MAC_BYTES>()?;
        // Before this, not one byte of it is believed.
        if !self.key.verify(content, mac) {
            return None;
        }
        let (id, rest) = content.split_first_chunk()?;
        let (files, rest) = rest.split_first_chunk()?;
        let (bytes, rest) = rest.split_first_chunk()?;
        Some(Upload {
            id: SessionId::from_bytes(*id),
            files: u32::from_be_bytes(*files),
            bytes: u64::from_be_bytes(*bytes),
            heard_ms: u64::from_be_bytes(rest.try_into().ok()?),
        })
    }
}

/// Remembers every upload, as far as it has room.
#[derive(Debug)]
pub struct Elephant {
    sessions_max: usize,
    sessions: HashMap<SessionId, Upload>,
    /// Serves those it has no room for.
    goldfish: Goldfish,
}

impl StatefulHandler for Elephant {
    fn answer(&mut self, request: &Request, world: &mut World) -> Result<Progress, ErrorCode> {
        let upload = match request {
            Request::Connect => {
                if !self.has_room(world.now_ms()) {
                    return self.degraded(request, world);
                }
                Upload::new(world)
            }
            Request::Transfer { carried: Carried::Session(id), size } => {
                let known = self.sessions.get(id).filter(|upload| !upload.is_over(world.now_ms()));
                known.ok_or(ErrorCode::SessionUnknown)?.with(*size, world)?
            }
            Request::Transfer { carried: Carried::Context(_), .. } => return self.degraded(request, world),
        };
        self.sessions.insert(upload.id, upload);
        Ok(upload.progress(Carried::Session(upload.id)))
    }
}

impl Elephant {
    /// Looks for sessions to forget only when there is no room: that costs a look at each, and not with every request.
    fn has_room(&mut self, now_ms: u64) -> bool {
        if self.sessions.len() >= self.sessions_max {
            self.sessions.retain(|_, upload| !upload.is_over(now_ms));
        }
        self.sessions.len() < self.sessions_max
    }

    /// Nobody is refused for lack of room, and nobody is served otherwise than asked without being told.
    fn degraded(&self, request: &Request, world: &mut World) -> Result<Progress, ErrorCode> {
        let progress = self.goldfish.answer(request, world)?;
        Ok(Progress { degraded_from: Some(Mode::Stateful), ..progress })
    }
}

/// How the checks start both servers.
#[derive(Debug)]
pub struct Mine;

impl Build for Mine {
    fn stateless(&self, key: Key) -> Box<dyn StatelessHandler> {
        Box::new(Goldfish { key })
    }

    fn stateful(&self, key: Key, sessions_max: usize) -> Box<dyn StatefulHandler> {
        Box::new(Elephant { sessions_max, sessions: HashMap::new(), goldfish: Goldfish { key } })
    }
}
