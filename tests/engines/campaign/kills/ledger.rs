//! What one client was told, kept at its side: which files are durable, and what it has no answer for. The storage
//! folder is held against all ledgers together.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use harness::{digest, names};

use crate::Outcome;

/// What one client was told.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// The files that were acknowledged as durable, by the name they are stored as.
    pub(super) files: BTreeMap<String, Kept>,
    /// Uploads without an answer. Each may be visible once.
    pub(super) under_way: Vec<UnderWay>,
    /// A file whose removal has no answer.
    pub(super) going: Option<String>,
}

/// A file as its client knows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Kept {
    pub(super) size: u64,
    pub(super) digest: String,
    /// Its bytes on the disk were compared since it was acknowledged.
    compared: bool,
}

/// An upload without an answer.
#[derive(Debug)]
pub(super) struct UnderWay {
    /// How its name begins, as far as its client can tell.
    pub(super) prefix: String,
    pub(super) digest: String,
}

/// Whose bytes are compared; names and sizes always are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Bytes {
    OfNewFiles,
    OfAllFiles,
}

/// What was found in the folder.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Found {
    pub(super) files: u64,
    pub(super) compared: u64,
    /// Visible, whole, and not acknowledged to anybody yet.
    pub(super) unanswered: u64,
}

impl Kept {
    /// A file that was acknowledged just now.
    pub(super) fn new(size: u64, digest: String) -> Self {
        Self { size, digest, compared: false }
    }
}

/// Every acknowledged file is there and identical; whatever else is visible is whole and on its way to be
/// acknowledged; no sequence has two files.
pub(super) fn compare(storage: &Path, ledgers: &mut [&mut Ledger], bytes: Bytes) -> Outcome<Found> {
    let mut found = Found::default();
    let visible: BTreeSet<String> = names(storage).into_iter().collect();
    let mut unknown = visible.clone();
    for ledger in &mut *ledgers {
        for (name, kept) in &mut ledger.files {
            if !unknown.remove(name) {
                if ledger.going.as_ref() == Some(name) {
                    continue;
                }
                return Err(format!("{name} was acknowledged as durable and is not there"));
            }
            found.files += 1;
            let path = storage.join(name);
            let length = fs::metadata(&path).map_err(|error| format!("{name}: {error}"))?.len();
            if length != kept.size {
                return Err(format!("{name} has {length} bytes; acknowledged were {}", kept.size));
            }
            if kept.compared && bytes == Bytes::OfNewFiles {
                continue;
            }
            if digest_of(&path)? != kept.digest {
                return Err(format!("{name} was acknowledged as durable and holds other bytes"));
            }
            kept.compared = true;
            found.compared += 1;
        }
    }
    for name in unknown {
        let digest = digest_of(&storage.join(&name))?;
        let mut explanations = ledgers.iter().flat_map(|ledger| &ledger.under_way);
        if !explanations.any(|upload| name.starts_with(&upload.prefix) && upload.digest == digest) {
            return Err(format!("{name} is visible, and is neither acknowledged nor the whole of what is under way"));
        }
        found.unanswered += 1;
    }
    no_sequence_twice(&visible)?;
    Ok(found)
}

/// A session's files are named `session_<id>/file_<sequence>_<time>.<extension>`.
fn no_sequence_twice(visible: &BTreeSet<String>) -> Outcome<()> {
    let mut seen = BTreeSet::new();
    for name in visible.iter().filter(|name| name.starts_with("session_")) {
        let place = name.rsplit_once('_').map(|(place, _)| place).ok_or_else(|| format!("a strange name: {name}"))?;
        if !seen.insert(place) {
            return Err(format!("two files for one sequence: {place}_…"));
        }
    }
    Ok(())
}

fn digest_of(path: &Path) -> Outcome<String> {
    let bytes = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(digest("blake3", &bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "session_a/file_1_7.txt";

    /// What is said of a folder with these files, when `hello` was acknowledged under [`NAME`].
    fn said(files: &[(&str, &str)], change: impl FnOnce(&mut Ledger)) -> String {
        let storage = tempfile::tempdir().unwrap();
        fs::create_dir(storage.path().join("session_a")).unwrap();
        for (name, content) in files {
            fs::write(storage.path().join(name), content).unwrap();
        }
        let mut ledger = Ledger::default();
        ledger.files.insert(NAME.to_owned(), Kept::new(5, digest("blake3", b"hello")));
        change(&mut ledger);
        match compare(storage.path(), &mut [&mut ledger], Bytes::OfNewFiles) {
            Ok(found) => format!("{} files, {} unanswered", found.files, found.unanswered),
            Err(fault) => fault,
        }
    }

    fn sends_more(prefix: &str) -> impl FnOnce(&mut Ledger) {
        let upload = UnderWay { prefix: prefix.to_owned(), digest: digest("blake3", b"more") };
        move |ledger| ledger.under_way.push(upload)
    }

    #[test]
    fn an_acknowledged_file_is_there_and_identical_or_that_is_said() {
        assert_eq!(said(&[(NAME, "hello")], |_| {}), "1 files, 0 unanswered");
        assert!(said(&[], |_| {}).contains("is not there"));
        assert!(said(&[(NAME, "hell")], |_| {}).contains("has 4 bytes"));
        assert!(said(&[(NAME, "hallo")], |_| {}).contains("holds other bytes"));
    }

    #[test]
    fn a_file_whose_removal_has_no_answer_may_be_there_or_not() {
        let going = |ledger: &mut Ledger| ledger.going = Some(NAME.to_owned());
        assert_eq!(said(&[(NAME, "hello")], going), "1 files, 0 unanswered");
        assert_eq!(said(&[], going), "0 files, 0 unanswered");
    }

    #[test]
    fn what_else_is_visible_is_the_whole_of_what_is_under_way() {
        let second = "session_a/file_2_7.txt";
        for (content, prefix, expected) in [
            ("more", "session_a/file_2_", "1 files, 1 unanswered"),
            ("mor", "session_a/file_2_", "neither acknowledged"),
            ("", "session_a/file_2_", "neither acknowledged"),
            ("more", "session_a/file_3_", "neither acknowledged"),
        ] {
            let said = said(&[(NAME, "hello"), (second, content)], sends_more(prefix));
            assert!(said.contains(expected), "{content} {prefix}: {said}");
        }
    }

    #[test]
    fn a_sequence_with_two_files_is_found() {
        let said = said(&[(NAME, "hello"), ("session_a/file_1_8.txt", "more")], sends_more(""));
        assert!(said.contains("two files for one sequence"), "{said}");
    }
}
