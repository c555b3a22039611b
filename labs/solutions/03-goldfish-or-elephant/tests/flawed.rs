//! Wrong servers. Each is right but for one mistake that people make.

use std::collections::HashMap;
use std::sync::Mutex;

use grade_03::{
    Build, Carried, ErrorCode, Key, MAC_BYTES, Mode, Progress, QUOTA_BYTES, Request, SILENCE_MS_MAX, SessionId,
    StatefulHandler, StatelessHandler, World,
};

lab_kit::flaws! {
    /// looks at each file beside the quota, not at all of them
    QuotaPerFile by "a_quota_without_memory",
    /// keeps the counters in its memory and only the name in the context
    CountersInMemory by "a_restart_under_a_goldfish",
    /// does not look at the code of a context
    CodeIsNotChecked by "a_context_that_was_changed",
    /// makes the code of the name alone, not of the counters
    CountersAreNotCovered by "a_context_that_was_changed",
    /// has a key of its own in its source
    KeyInTheSource by "a_context_of_another_key",
    /// remembers the last context of each upload and takes no other
    OnlyTheLastContext by "two_goldfish_in_turn",
    /// gives each file a name that was never used
    FreshNames by "an_old_context_again",
    /// takes a context for ever
    ContextForEver by "a_context_ends",
    /// counts the silence from the beginning of the upload
    ContextIsNotRenewed by "a_context_ends",
    /// lists the sizes of all files in the context
    ContextListsFiles by "a_context_stays_small",
    /// has one counter for all sessions
    OneCounter by "an_upload_with_memory",
    /// counts a file before it looks at the quota
    RefusedIsCounted by "a_quota_with_memory",
    /// opens a session for whoever names one that it does not know
    UnknownIsOpened by "an_elephant_that_forgot",
    /// counts the silence of a session from its beginning
    SessionIsNotRenewed by "the_silent_are_forgotten",
    /// refuses the silent, but keeps their room
    RoomIsNotFreed by "the_silent_are_forgotten",
    /// remembers which contexts it has seen
    ContextsAreKept by "memory_of_ten_thousand_uploads",
    /// keeps a page of history with each session
    HistoryIsKept by "memory_of_ten_thousand_uploads",
    /// lets the oldest session go when there is no room
    OldestIsDropped by "a_full_elephant",
    /// takes more sessions than there is room for
    RoomHasNoBound by "a_full_elephant",
    /// serves stateless without a word
    DegradesSilently by "a_full_elephant",
    /// begins a degraded upload again as a session when there is room
    DegradedBeginsAgain by "a_full_elephant",
    /// counts the files of an upload in one byte
    FilesInAByte by "any_uploads_in_any_order",
}

#[derive(Clone, Debug)]
struct Upload {
    id: SessionId,
    files: u32,
    bytes: u64,
    heard_ms: u64,
    history: Vec<u64>,
}

impl Upload {
    fn new(world: &mut World) -> Self {
        Self { id: world.new_id(), files: 0, bytes: 0, heard_ms: world.now_ms(), history: Vec::new() }
    }

    fn with(&mut self, flaw: Flaw, stateless: bool, size: u64, world: &mut World) -> Result<(), ErrorCode> {
        let bytes = self.bytes.saturating_add(size);
        if flaw == Flaw::RefusedIsCounted && !stateless {
            self.bytes = bytes;
        }
        let counted = if flaw == Flaw::QuotaPerFile && stateless { size } else { bytes };
        if counted > QUOTA_BYTES {
            return Err(ErrorCode::QuotaExceeded);
        }
        let next = if flaw == Flaw::FilesInAByte { (self.files + 1) & 0xff } else { self.files + 1 };
        let name = if flaw == Flaw::FreshNames && stateless { world.new_id() } else { self.id };
        world.store(name, next, size)?;
        (self.files, self.bytes) = (next, bytes);
        let renewed = if stateless { flaw != Flaw::ContextIsNotRenewed } else { flaw != Flaw::SessionIsNotRenewed };
        if renewed {
            self.heard_ms = world.now_ms();
        }
        self.history.push(size);
        Ok(())
    }

    fn is_over(&self, now_ms: u64) -> bool {
        now_ms.saturating_sub(self.heard_ms) > SILENCE_MS_MAX
    }

    fn progress(&self, carried: Carried) -> Progress {
        Progress { files: self.files, bytes: self.bytes, carried, degraded_from: None }
    }
}

/// A goldfish with a flaw.
struct Goldfish {
    flaw: Flaw,
    key: Key,
    /// What it should not have.
    memory: Mutex<HashMap<SessionId, Upload>>,
    seen: Mutex<Vec<Vec<u8>>>,
}

impl Goldfish {
    fn new(flaw: Flaw, key: Key) -> Self {
        let key = if flaw == Flaw::KeyInTheSource { Key::new(*b"a secret that everybody can read") } else { key };
        Self { flaw, key, memory: Mutex::default(), seen: Mutex::default() }
    }

    fn seal(&self, upload: &Upload) -> Vec<u8> {
        let mut context = upload.id.to_bytes().to_vec();
        context.extend_from_slice(&upload.files.to_be_bytes());
        context.extend_from_slice(&upload.bytes.to_be_bytes());
        context.extend_from_slice(&upload.heard_ms.to_be_bytes());
        if self.flaw == Flaw::CountersInMemory {
            context.truncate(SessionId::BYTES);
        }
        if self.flaw == Flaw::ContextListsFiles {
            upload.history.iter().for_each(|size| context.extend_from_slice(&size.to_be_bytes()));
        }
        let mac = self.key.mac(self.covered(&context));
        context.extend_from_slice(&mac);
        context
    }

    fn covered<'content>(&self, content: &'content [u8]) -> &'content [u8] {
        if self.flaw == Flaw::CountersAreNotCovered { &content[..SessionId::BYTES.min(content.len())] } else { content }
    }

    fn open(&self, context: &[u8]) -> Option<Upload> {
        let (content, mac) = context.split_last_chunk::<MAC_BYTES>()?;
        if self.flaw != Flaw::CodeIsNotChecked && !self.key.verify(self.covered(content), mac) {
            return None;
        }
        let (id, rest) = content.split_first_chunk()?;
        let id = SessionId::from_bytes(*id);
        if self.flaw == Flaw::CountersInMemory {
            return self.memory.lock().unwrap().get(&id).cloned();
        }
        let (files, rest) = rest.split_first_chunk()?;
        let (bytes, rest) = rest.split_first_chunk()?;
        let (heard_ms, rest) = rest.split_first_chunk()?;
        if !rest.is_empty() && self.flaw != Flaw::ContextListsFiles {
            return None;
        }
        let history = rest.chunks_exact(8).map(|size| u64::from_be_bytes(size.try_into().unwrap())).collect();
        let (files, bytes) = (u32::from_be_bytes(*files), u64::from_be_bytes(*bytes));
        Some(Upload { id, files, bytes, heard_ms: u64::from_be_bytes(*heard_ms), history })
    }
}

impl StatelessHandler for Goldfish {
    fn answer(&self, request: &Request, world: &mut World) -> Result<Progress, ErrorCode> {
        let upload = match request {
            Request::Connect => Upload::new(world),
            Request::Transfer { carried: Carried::Context(context), size } => {
                let mut upload = self.open(context).ok_or(ErrorCode::SessionUnknown)?;
                if upload.is_over(world.now_ms()) && self.flaw != Flaw::ContextForEver {
                    return Err(ErrorCode::SessionGone);
                }
                let last = self.memory.lock().unwrap().get(&upload.id).map(|last| last.files);
                if self.flaw == Flaw::OnlyTheLastContext && last.is_some_and(|last| last != upload.files) {
                    return Err(ErrorCode::SessionUnknown);
                }
                upload.with(self.flaw, true, *size, world)?;
                upload
            }
            Request::Transfer { carried: Carried::Session(_), .. } => return Err(ErrorCode::SessionUnknown),
        };
        if matches!(self.flaw, Flaw::CountersInMemory | Flaw::OnlyTheLastContext) {
            self.memory.lock().unwrap().insert(upload.id, upload.clone());
        }
        let context = self.seal(&upload);
        if self.flaw == Flaw::ContextsAreKept {
            self.seen.lock().unwrap().push(context.clone());
        }
        Ok(upload.progress(Carried::Context(context)))
    }
}

/// An elephant with a flaw.
struct Elephant {
    flaw: Flaw,
    sessions_max: usize,
    sessions: HashMap<SessionId, Upload>,
    goldfish: Goldfish,
}

impl Elephant {
    fn connect(&mut self, world: &mut World) -> Option<SessionId> {
        let now_ms = world.now_ms();
        if self.sessions.len() >= self.sessions_max && self.flaw != Flaw::RoomIsNotFreed {
            self.sessions.retain(|_, upload| !upload.is_over(now_ms));
        }
        if self.sessions.len() >= self.sessions_max && self.flaw == Flaw::OldestIsDropped {
            let oldest = self.sessions.values().min_by_key(|upload| upload.heard_ms).map(|upload| upload.id);
            oldest.map(|id| self.sessions.remove(&id));
        }
        if self.sessions.len() >= self.sessions_max && self.flaw != Flaw::RoomHasNoBound {
            return None;
        }
        let mut upload = Upload::new(world);
        if self.flaw == Flaw::HistoryIsKept {
            upload.history.reserve(64);
        }
        let id = upload.id;
        self.sessions.insert(id, upload);
        Some(id)
    }

    fn degraded(&self, request: &Request, world: &mut World) -> Result<Progress, ErrorCode> {
        let progress = self.goldfish.answer(request, world)?;
        let degraded_from = (self.flaw != Flaw::DegradesSilently).then_some(Mode::Stateful);
        Ok(Progress { degraded_from, ..progress })
    }

    fn transfer(&mut self, named: SessionId, size: u64, world: &mut World) -> Result<Progress, ErrorCode> {
        if self.flaw == Flaw::UnknownIsOpened && !self.sessions.contains_key(&named) {
            self.sessions.insert(named, Upload { id: named, ..Upload::new(world) });
        }
        let counted = if self.flaw == Flaw::OneCounter { self.sessions.keys().min().copied() } else { None };
        let upload = self.sessions.get_mut(&counted.unwrap_or(named)).ok_or(ErrorCode::SessionUnknown)?;
        if upload.is_over(world.now_ms()) {
            return Err(ErrorCode::SessionUnknown);
        }
        upload.with(self.flaw, false, size, world)?;
        if self.flaw != Flaw::HistoryIsKept {
            upload.history = Vec::new();
        }
        Ok(upload.progress(Carried::Session(named)))
    }
}

impl StatefulHandler for Elephant {
    fn answer(&mut self, request: &Request, world: &mut World) -> Result<Progress, ErrorCode> {
        match request {
            Request::Connect => match self.connect(world) {
                Some(id) => Ok(Progress { files: 0, bytes: 0, carried: Carried::Session(id), degraded_from: None }),
                None => self.degraded(request, world),
            },
            Request::Transfer { carried: Carried::Session(id), size } => self.transfer(*id, *size, world),
            Request::Transfer { carried: Carried::Context(_), size } => {
                let again = self.flaw == Flaw::DegradedBeginsAgain && self.sessions.len() < self.sessions_max;
                match again.then(|| self.connect(world)).flatten() {
                    Some(id) => self.transfer(id, *size, world),
                    None => self.degraded(request, world),
                }
            }
        }
    }
}

/// Starts servers with a flaw.
pub(crate) struct Flawed(pub(crate) Flaw);

impl Build for Flawed {
    fn stateless(&self, key: Key) -> Box<dyn StatelessHandler> {
        Box::new(Goldfish::new(self.0, key))
    }

    fn stateful(&self, key: Key, sessions_max: usize) -> Box<dyn StatefulHandler> {
        let goldfish = Goldfish::new(self.0, key);
        Box::new(Elephant { flaw: self.0, sessions_max, sessions: HashMap::new(), goldfish })
    }
}
