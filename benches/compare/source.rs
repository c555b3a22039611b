//! The files that everybody sends. A small one is held in memory by the raw client, a large one is read from its
//! folder.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use harness::noise;

/// Bytes from which on a file is large.
const LARGE: u64 = 1024 * 1024;

/// Files of a work, all with the same bytes.
#[derive(Debug)]
pub(crate) struct Source {
    /// Where they lie, for whoever reads them by itself.
    pub(crate) folder: PathBuf,
    pub(crate) content: Content,
    pub(crate) size: u64,
}

/// Where the raw client has a file's bytes from.
#[derive(Debug)]
pub(crate) enum Content {
    Bytes(Vec<u8>),
    File(PathBuf),
}

impl Source {
    /// Makes so many files of so many bytes in a fresh folder.
    pub(crate) fn make(folder: PathBuf, files: usize, size: u64) -> Self {
        fs::create_dir_all(&folder).expect("a folder for the source");
        if size >= LARGE {
            let path = folder.join("large.txt");
            write_noise(&path, size);
            return Self { folder, content: Content::File(path), size };
        }
        let bytes = noise(1, usize::try_from(size).expect("a size that fits into memory"));
        for number in 0..files {
            fs::write(folder.join(format!("{number}.txt")), &bytes).expect("a file of the source");
        }
        Self { folder, content: Content::Bytes(bytes), size }
    }
}

fn write_noise(path: &Path, size: u64) {
    let mut file = File::create(path).expect("a file of the source");
    let mut left = size;
    while left > 0 {
        let length = left.min(LARGE);
        // Each block has other bytes, so that one in the wrong place is noticed.
        let block = noise(left, usize::try_from(length).expect("a block that fits into memory"));
        file.write_all(&block).expect("room for the source");
        left = left.saturating_sub(length);
    }
}
