//! Files on their way to a durable name, in groups: whatever waits when the disk is free is made durable together. An
//! upload that is alone waits for nobody. Here is who waits and who works; the steps of a group are in `commit.rs`.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

use tokio::sync::{mpsc, oneshot};

use super::disk::Disk;
use super::part::LocalPart;
use crate::files::platform::Folder;
use crate::files::{ObjectName, RevealError, StorageError};

/// Groups under way at once: while one waits for the disk, the files of the other get their names, and two uploads do
/// not wait for each other.
const GROUPS_AT_ONCE: usize = 2;
/// Files in a group. They are answered together, so none waits for more than these.
const GROUP_FILES_MAX: usize = 256;
/// Files that wait. Who comes when so many do waits for room.
const WAITING_MAX: usize = 1024;

/// A part that is to be durable under a name, and who waits for it.
#[derive(Debug)]
pub(super) struct Commit {
    pub(super) part: Box<LocalPart>,
    pub(super) name: ObjectName,
    answer: oneshot::Sender<Result<(), RevealError>>,
}

impl Commit {
    pub(super) fn new(part: Box<LocalPart>, name: ObjectName) -> (Self, oneshot::Receiver<Result<(), RevealError>>) {
        let (answer, answered) = oneshot::channel();
        (Self { part, name, answer }, answered)
    }

    /// Nobody may be there any more; what comes back with the answer is then dropped here.
    pub(super) fn answer(self, settle: impl FnOnce(Box<LocalPart>) -> Result<(), RevealError>) {
        let Self { part, answer, .. } = self;
        let _nobody = answer.send(settle(part));
    }
}

/// What waits, and who may work.
#[derive(Debug)]
pub(super) struct Groups {
    entrance: mpsc::Sender<Commit>,
    queue: Mutex<Queue>,
    /// Whether files share syncs here.
    pub(super) shares: bool,
    /// Shared syncs that failed.
    failures: AtomicU64,
    tally: Mutex<SharedSyncs>,
}

#[derive(Debug)]
struct Queue {
    waiting: mpsc::Receiver<Commit>,
    /// A group's leader has one of these. The system tells a failure once through each, so no two may share one: a
    /// group would not hear what another was told.
    idle: Vec<Folder>,
    /// Threads on which a leader will look here at once, so there need not be another from the same one. One that is
    /// held up there holds up nobody elsewhere.
    starting: Vec<ThreadId>,
}

/// How many files were made durable, and in how many groups.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SharedSyncs {
    /// Files.
    pub files: u64,
    /// Groups of files that shared their syncs; a file that was alone is one too.
    pub groups: u64,
}

impl Queue {
    /// Whether there is to be one more leader, from this thread. Those at work look here before they end.
    fn wants_leader(&mut self, from: ThreadId) -> bool {
        let wanted = !self.idle.is_empty() && !self.starting.contains(&from);
        if wanted {
            self.starting.push(from);
        }
        wanted
    }
}

impl Groups {
    /// `folder` opens a folder of the file system, anew each time.
    pub(super) fn open(folder: impl Fn() -> io::Result<Folder>) -> io::Result<Self> {
        // Where nobody can say, each file is synced by itself.
        let shares = folder()?.may_sync_whole().unwrap_or(false);
        let idle = (0..GROUPS_AT_ONCE).map(|_| folder()).collect::<io::Result<_>>()?;
        let (entrance, waiting) = mpsc::channel(WAITING_MAX);
        Ok(Self {
            entrance,
            queue: Mutex::new(Queue { waiting, idle, starting: Vec::new() }),
            shares,
            failures: AtomicU64::new(0),
            tally: Mutex::default(),
        })
    }

    /// Shared syncs that failed so far. The next one may have forgotten what became of bytes that are older than the
    /// last of them.
    pub(super) fn failures(&self) -> u64 {
        self.failures.load(Ordering::SeqCst)
    }

    pub(super) fn failed(&self) {
        self.failures.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn count(&self, files: usize) {
        if files == 0 {
            return;
        }
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        tally.groups = tally.groups.saturating_add(1);
        tally.files = tally.files.saturating_add(u64::try_from(files).unwrap_or(u64::MAX));
        if files > 1 {
            tracing::debug!(files, "a group is durable");
        }
    }

    pub(super) fn shared(&self) -> SharedSyncs {
        *self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Groups {
    fn drop(&mut self) {
        let SharedSyncs { files, groups } = self.shared();
        if files > 0 {
            tracing::info!(files, groups, "files were made durable in groups");
        }
    }
}

/// Shows a part durably. It goes on when the caller does not wait for its end.
pub(super) async fn commit(disk: Arc<Disk>, part: Box<LocalPart>, name: ObjectName) -> Result<(), RevealError> {
    let (commit, answered) = Commit::new(part, name);
    // Removing an older file may take long, and others are not to wait for it.
    if disk.groups.shares && !commit.part.replaces_another() {
        enter(disk, commit).await;
    } else {
        alone(disk, commit);
    }
    answered.await.unwrap_or_else(|_| Err(StorageError::Io(io::Error::other("a group was given up")).into()))
}

/// Commits by itself, on a thread of its own.
pub(super) fn alone(disk: Arc<Disk>, commit: Commit) {
    tokio::task::spawn_blocking(move || work_on(disk, vec![commit], None));
}

/// Commits a group and tells who waits. They may close the storage then and open it anew, so nothing of it is held here.
pub(super) fn work_on(disk: Arc<Disk>, group: Vec<Commit>, whole: Option<&Folder>) {
    let settled = disk.commit(group, whole);
    drop(disk);
    for (commit, shown) in settled {
        commit.answer(|part| part.shown(shown));
    }
}

/// Waits for a leader, or makes one.
async fn enter(disk: Arc<Disk>, commit: Commit) {
    // The other end is in the same struct. Were it not there, whoever waits would be told by the drop.
    let _entered = disk.groups.entrance.send(commit).await;
    let from = thread::current().id();
    if !disk.groups.queue().wants_leader(from) {
        return;
    }
    let leader = Leader { groups: Arc::clone(&disk.groups), from, folder: None, over: false };
    tokio::spawn(async move {
        // Whoever is ready at this moment enters first, above all the other files of a connection's run.
        tokio::task::yield_now().await;
        tokio::task::spawn_blocking(move || leader.work());
    });
}

/// Works until nothing waits. Dropped before that, because the runtime ends or it panicked, it gives up what waits.
struct Leader {
    groups: Arc<Groups>,
    /// Where it was made.
    from: ThreadId,
    /// Once it works.
    folder: Option<Folder>,
    over: bool,
}

impl Leader {
    fn work(mut self) {
        while let Some((disk, group)) = self.next() {
            work_on(disk, group, self.folder.as_ref());
        }
    }

    /// Whatever waits now, and where. `None`: nothing did, and the next one to come makes a leader; or enough others
    /// are at work, who will look.
    fn next(&mut self) -> Option<(Arc<Disk>, Vec<Commit>)> {
        let mut queue = self.groups.queue();
        if self.folder.is_none() {
            queue.starting.retain(|thread| *thread != self.from);
            self.folder = queue.idle.pop();
        }
        let mut group = Vec::new();
        while self.folder.is_some()
            && group.len() < GROUP_FILES_MAX
            && let Ok(commit) = queue.waiting.try_recv()
        {
            group.push(commit);
        }
        let Some(disk) = group.first().map(|commit| commit.part.disk()) else {
            queue.idle.extend(self.folder.take());
            self.over = true;
            return None;
        };
        Some((disk, group))
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        while !self.over {
            drop(self.next());
        }
    }
}
