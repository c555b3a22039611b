//! The files of a session, a page at a time.

use std::io;

use shared::id::{Sequence, SessionId, TokenHash};

use super::disk::Disk;
use crate::files::mime::Extension;
use crate::files::paging::FirstSequences;
use crate::files::{Form, Listed, ObjectName, Page, Shelf, StorageError};

/// Sequences that one call looks for by name. Each costs a look at the folder for every extension there is.
const PROBED_SEQUENCES_MAX: u64 = 100;

pub(super) fn page(disk: &Disk, shelf: Shelf, from: Sequence, at_most: usize) -> Result<Page, StorageError> {
    match shelf {
        Shelf::Folder(session) => from_folder(disk, session, from, at_most),
        Shelf::Simple { secret, last } => from_names(disk, &secret, from, last, at_most),
    }
}

fn from_folder(disk: &Disk, session: SessionId, from: Sequence, at_most: usize) -> Result<Page, StorageError> {
    let Some(open) = disk.folders.find(&disk.root, session)? else { return Ok(Page::default()) };
    let (above, folder) = (&open.name, &open.folder);
    let mut first = FirstSequences::new(at_most);
    folder.each_name(&mut |name| {
        let Some(name) = ObjectName::parse(&format!("{above}/{name}")) else { return };
        if let Form::Session { sequence, .. } = name.form()
            && sequence >= from
        {
            first.offer(sequence, name);
        }
    })?;
    let (names, next) = first.finish();
    let mut entries = Vec::new();
    for (sequence, name) in names {
        // It may have been removed meanwhile.
        if let Some(size) = folder.size(&name.file_name())? {
            entries.push(Listed { name, sequence, size });
        }
    }
    Ok(Page { entries, next })
}

fn from_names(
    disk: &Disk,
    secret: &TokenHash,
    from: Sequence,
    last: Sequence,
    at_most: usize,
) -> Result<Page, StorageError> {
    let mut entries = Vec::new();
    for number in from.get()..=last.get() {
        let Some(sequence) = Sequence::new(number) else { break };
        if entries.len() >= at_most.max(1) || number - from.get() >= PROBED_SEQUENCES_MAX {
            return Ok(Page { entries, next: Some(sequence) });
        }
        entries.extend(under_every_extension(disk, secret, sequence)?);
    }
    Ok(Page { entries, next: None })
}

fn under_every_extension(disk: &Disk, secret: &TokenHash, sequence: Sequence) -> io::Result<Vec<Listed>> {
    let name = ObjectName::simple(secret, sequence, Extension::UNKNOWN);
    let mut found = Vec::new();
    for name in name.under_every_extension() {
        if let Some(size) = disk.root.size(&name.file_name())? {
            found.push(Listed { name, sequence, size });
        }
    }
    Ok(found)
}
