//! The way to the disk: what a client sees of it (`wire`), and storages from outside, what their own contract does not
//! show: many files, time, other processes.

mod crowd;
mod keeper;
mod wire;

use std::sync::Arc;

use server::files::mime::Extension;
use server::files::{FileStorage, Keeping, LocalStorage, MemoryStorage, ObjectName};
use shared::digest::DigestKind;
use shared::id::{Sequence, SessionId, Timestamp};
use shared::wire::Ack;
use tempfile::TempDir;

/// Both storages; the folder lives as long as this.
fn storages() -> (TempDir, [Arc<dyn FileStorage>; 2]) {
    let folder = tempfile::tempdir().unwrap();
    let local = LocalStorage::open(folder.path(), Keeping::default()).unwrap();
    (folder, [Arc::new(local), Arc::new(MemoryStorage::new())])
}

fn session() -> SessionId {
    SessionId::from_random([5; 16])
}

fn name(number: u64) -> ObjectName {
    let created = Timestamp::from_millis(1_700_000_000_000);
    ObjectName::session(session(), Sequence::new(number).unwrap(), created, Extension::UNKNOWN)
}

async fn put(storage: &dyn FileStorage, name: &ObjectName, content: &str, ack: Ack) {
    let mut sink = storage.create(None, Some(DigestKind::Blake3)).await.unwrap();
    sink.write(content.to_owned().into()).await.unwrap();
    sink.seal(ack).await.unwrap().reveal(name, ack).await.unwrap();
}

async fn get(storage: &dyn FileStorage, name: &ObjectName) -> Option<String> {
    let mut source = storage.open(name, 0).await.unwrap()?;
    let bytes = source.next().await.unwrap().unwrap_or_default();
    Some(String::from_utf8(bytes.to_vec()).unwrap())
}
