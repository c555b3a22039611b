//! Both handlers over an in-memory world: what is stored, refused, repeated and adopted, and what is left when
//! they are cut, or run in any order.

mod cut;
mod faults;
mod listing;
mod old_tickets;
mod orders;
mod parts;
mod runs;
mod sequence;
mod size;
mod stay;
mod tickets;

use harness::world::World;
use server::files::ObjectName;
use shared::digest::DigestKind;
use shared::id::{Sequence, SessionId, TransferId};
use shared::session::Outcome as Done;
use shared::wire::FileInfo;

use harness::world::digest;

fn transfer_id() -> TransferId {
    TransferId::from_random([7; 16])
}

/// What the session was told about the file of this sequence.
fn receipt(world: &World, id: SessionId, sequence: Sequence) -> Option<FileInfo> {
    let session = world.store.session(id)?.session;
    match &session.receipt(sequence)?.outcome {
        Done::Stored(file, _) => Some(file.clone()),
        Done::Removed(_) | Done::Closed => None,
    }
}

/// One file is counted under the first sequence, it is visible with the bytes of its receipt, and nothing else is.
fn assert_one_file(world: &World, id: SessionId, when: &str) {
    let session = world.store.session(id).unwrap().session;
    assert_eq!(session.next_sequence().get(), 2, "{when}");
    assert_eq!(session.files_transferred(), 1, "{when}");
    let file = receipt(world, id, Sequence::FIRST).unwrap();
    let visible = world.visible();
    let names: Vec<String> = visible.iter().map(|(name, _)| name.to_wire()).collect();
    assert_eq!(names, [file.stored_as.as_str()], "{when}");
    assert_eq!(file.digest, Some(digest(DigestKind::Blake3, &visible[0].1)), "{when}");
    assert_eq!(session.total_bytes(), file.size, "{when}");
    assert_eq!(world.files.partial(), 0, "{when}");
}

fn is_kept(world: &World, file: &FileInfo) -> bool {
    let bytes = ObjectName::parse(&file.stored_as).and_then(|name| world.files.bytes(&name));
    bytes.is_some_and(|bytes| file.digest == Some(digest(DigestKind::Blake3, &bytes)))
}
