//! The folders that names are in, and what is known of their durability. Everything here blocks.

use std::collections::HashSet;
use std::io;
use std::sync::{Arc, MutexGuard, PoisonError};

use shared::id::SessionId;
use shared::wire::Ack;

use super::disk::Disk;
use super::folders::SessionFolder;
use crate::files::ObjectName;
use crate::files::naming::folder_name;
use crate::files::platform::{Access, Folder};

/// Session folders remembered as durable. Forgetting one costs a sync.
const DURABLE_FOLDERS_MAX: usize = 16 * 1024;

/// What is known of durability beyond the disk itself.
#[derive(Debug, Default)]
pub(super) struct Sure {
    /// Session folders whose own names are durable.
    folders: HashSet<SessionId>,
    /// What failed to be made durable. The system may forget such a failure and call the next sync a success, so
    /// it is remembered here. Grows with failures of the disk only.
    pub(super) doubtful_names: HashSet<ObjectName>,
    /// Likewise folders; `None` is the storage folder.
    pub(super) doubtful_folders: HashSet<Option<SessionId>>,
}

/// The folder that a name is in.
pub(super) enum Place<'disk> {
    Root(&'disk Folder),
    Session(Arc<SessionFolder>),
}

impl Place<'_> {
    pub(super) fn folder(&self) -> &Folder {
        match self {
            Self::Root(folder) => folder,
            Self::Session(open) => &open.folder,
        }
    }

    pub(super) fn session(&self) -> Option<SessionId> {
        match self {
            Self::Root(_) => None,
            Self::Session(open) => Some(open.session),
        }
    }
}

impl Disk {
    /// `None`: the session has no folder yet. Whoever is to make it durable has a descriptor that nobody shares: the
    /// system tells a failure once through each, and the others would not hear of it.
    pub(super) fn place(&self, name: &ObjectName, ack: Ack) -> io::Result<Option<Place<'_>>> {
        let Some(session) = name.folder() else { return Ok(Some(Place::Root(&self.root))) };
        let folder = match ack {
            Ack::Written => self.folders.find(&self.root, session),
            Ack::Durable => SessionFolder::open(&self.root, session),
        };
        Ok(folder?.map(Place::Session))
    }

    pub(super) fn make_place(&self, name: &ObjectName, ack: Ack) -> io::Result<Place<'_>> {
        if let Some(place) = self.place(name, ack)? {
            return Ok(place);
        }
        let Some(session) = name.folder() else { return Ok(Place::Root(&self.root)) };
        if self.root.make_subfolder(&folder_name(session), Access::Shared)? {
            // Somebody may have removed one that we knew to be durable.
            self.sure().folders.remove(&session);
        }
        self.place(name, ack)?.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Makes the names in a folder durable, and the folder's own.
    pub(super) fn sync_place(&self, place: &Place<'_>) -> io::Result<()> {
        let session = place.session();
        self.remembering(session, place.folder().sync())?;
        let Some(session) = session else { return Ok(()) };
        if self.sure().folders.contains(&session) {
            return Ok(());
        }
        self.remembering(None, self.root.sync()).inspect_err(|_| {
            self.sure().doubtful_folders.insert(Some(session));
        })?;
        self.are_durable([session]);
        Ok(())
    }

    /// Remembers that these folders' own names are durable.
    pub(super) fn are_durable(&self, folders: impl IntoIterator<Item = SessionId>) {
        let mut sure = self.sure();
        for folder in folders {
            if sure.folders.len() >= DURABLE_FOLDERS_MAX {
                sure.folders.clear();
            }
            sure.folders.insert(folder);
        }
    }

    pub(super) fn remembering(&self, folder: Option<SessionId>, result: io::Result<()>) -> io::Result<()> {
        result.inspect_err(|_| {
            self.sure().doubtful_folders.insert(folder);
        })
    }

    pub(super) fn sure(&self) -> MutexGuard<'_, Sure> {
        self.sure.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
