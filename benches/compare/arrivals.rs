//! Looks at what arrived. A peer that drops, shortens or mixes files, or skips those it knows, must not look fast.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use crate::source::{Content, Source};

/// Bytes that are compared at once.
const BLOCK_BYTES: usize = 1024 * 1024;

/// The folder of one contestant, and the files in it that were looked at.
#[derive(Debug)]
pub(crate) struct Arrivals {
    folder: PathBuf,
    seen: HashSet<String>,
}

impl Arrivals {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder, seen: HashSet::new() }
    }

    /// Insists that so many files came since the last look, each like the source. Large ones are removed, because
    /// there is no room for all of them.
    pub(crate) fn check(&mut self, files: usize, source: &Source) {
        let names = harness::names(&self.folder);
        let fresh: Vec<_> = names.into_iter().filter(|name| !self.seen.contains(name)).collect();
        assert_eq!(fresh.len(), files, "files that arrived in {}", self.folder.display());
        for name in fresh {
            let path = self.folder.join(&name);
            match &source.content {
                Content::Bytes(bytes) => {
                    assert!(fs::read(&path).expect("what arrived") == *bytes, "{} differs", path.display());
                    self.seen.insert(name);
                }
                Content::File(original) => {
                    assert!(same(original, &path), "{} differs", path.display());
                    fs::remove_file(&path).expect("a file to remove");
                }
            }
        }
    }
}

fn same(one: &Path, other: &Path) -> bool {
    let open = |path| BufReader::with_capacity(BLOCK_BYTES, File::open(path).expect("a file to compare"));
    let (mut one, mut other) = (open(one), open(other));
    loop {
        let (here, there) = (one.fill_buf().expect("bytes"), other.fill_buf().expect("bytes"));
        let length = here.len().min(there.len());
        if length == 0 {
            return here.len() == there.len();
        }
        if here.get(..length) != there.get(..length) {
            return false;
        }
        one.consume(length);
        other.consume(length);
    }
}
