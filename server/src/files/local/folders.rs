//! The folders of sessions that stored something lately, held open: to look whether a name still leads to one takes
//! less than to open it. Knows nothing of what is in them. Everything here blocks.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use shared::id::SessionId;

use crate::files::naming::folder_name;
use crate::files::platform::{Folder, Identity};

/// Folders held open. Each takes a descriptor, and `descriptors.rs` counts on no more.
const OPEN_MAX: usize = 256;

/// A session's folder.
#[derive(Debug)]
pub(super) struct SessionFolder {
    pub(super) session: SessionId,
    pub(super) name: String,
    pub(super) folder: Folder,
    identity: Identity,
}

/// Each session has one place here, by its id, which is random. Who has the same one later takes it.
#[derive(Debug)]
pub(super) struct Folders(Box<[Mutex<Option<Arc<SessionFolder>>>]>);

impl Default for Folders {
    fn default() -> Self {
        Self((0..OPEN_MAX).map(|_| Mutex::default()).collect())
    }
}

impl SessionFolder {
    /// The folder of a session in `root`, by a descriptor of its own.
    pub(super) fn open(root: &Folder, session: SessionId) -> io::Result<Option<Arc<Self>>> {
        let name = folder_name(session);
        match root.subfolder(&name) {
            Ok(folder) => Ok(Some(Arc::new(Self { session, name, identity: folder.identity()?, folder }))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Folders {
    /// The folder of a session in `root`, as it is there now.
    pub(super) fn find(&self, root: &Folder, session: SessionId) -> io::Result<Option<Arc<SessionFolder>>> {
        let known = self.at(session, |place| place.clone()).filter(|known| known.session == session);
        // Somebody may have removed it, or put another in its place.
        if let Some(known) = known
            && root.leads_to(&known.name, known.identity)?
        {
            return Ok(Some(known));
        }
        let found = SessionFolder::open(root, session)?;
        self.at(session, |place| place.clone_from(&found));
        Ok(found)
    }

    fn at<T: Default>(&self, session: SessionId, work: impl FnOnce(&mut Option<Arc<SessionFolder>>) -> T) -> T {
        let [first, second, ..] = *session.as_bytes();
        let place = self.0.get(usize::from(u16::from_be_bytes([first, second])) % OPEN_MAX);
        place.map(|place| work(&mut place.lock().unwrap_or_else(PoisonError::into_inner))).unwrap_or_default()
    }
}
