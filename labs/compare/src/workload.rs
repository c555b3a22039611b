//! The files that are sent, and what of them is there in the end.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use harness::noise;
use serde::{Deserialize, Serialize};

use crate::Outcome;

/// So many files, and sessions that are opened to weigh one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Workload {
    pub(crate) small: usize,
    pub(crate) small_bytes: usize,
    pub(crate) large: usize,
    pub(crate) large_bytes: usize,
    /// Fewer are not seen among what a server has anyway.
    pub(crate) sessions: u64,
}

/// What became of the files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Arrived {
    /// Files that are not there, and of which the client never heard.
    pub(crate) lost_unanswered: u64,
    /// Files that are not there, and that the server had said it stored.
    pub(crate) lost_though_answered: u64,
    /// Files of which the client never heard, there or not.
    pub(crate) unanswered: u64,
    /// Copies beyond the first.
    pub(crate) duplicates: u64,
}

impl Workload {
    /// What the README shows.
    pub(crate) const USUAL: Self =
        Self { small: 200, small_bytes: 16 << 10, large: 8, large_bytes: 2 << 20, sessions: 2_000 };
    /// To see whether everything works.
    pub(crate) const SMALL: Self =
        Self { small: 8, small_bytes: 4 << 10, large: 4, large_bytes: 1 << 20, sessions: 50 };

    /// Payload bytes of all files.
    pub(crate) fn bytes(&self) -> usize {
        self.small * self.small_bytes + self.large * self.large_bytes
    }

    /// Makes the files, no two alike: a large one behind every so many small ones.
    pub(crate) fn files(&self, folder: &Path) -> Outcome<Vec<PathBuf>> {
        fs::create_dir_all(folder)?;
        let count = self.small + self.large;
        let every = count.div_ceil(self.large.max(1));
        let mut paths = Vec::with_capacity(count);
        for number in 0..count {
            let bytes = if number % every == every / 2 { self.large_bytes } else { self.small_bytes };
            let path = folder.join(format!("file-{number:03}.bin"));
            fs::write(&path, noise(u64::try_from(number)?, bytes))?;
            paths.push(path);
        }
        Ok(paths)
    }
}

/// Compares what is stored with what was sent, byte for byte. `answered`: names of files that the server said it stored.
pub(crate) fn arrived(sent: &[PathBuf], answered: &HashSet<String>, storage: &Path) -> Outcome<Arrived> {
    let mut copies: HashMap<Vec<u8>, u64> = HashMap::new();
    for name in harness::names(storage) {
        *copies.entry(fs::read(storage.join(name))?).or_default() += 1;
    }
    let mut arrived = Arrived::default();
    for file in sent {
        let was_answered = file.file_name().and_then(OsStr::to_str).is_some_and(|name| answered.contains(name));
        let copies = copies.remove(&fs::read(file)?).unwrap_or(0);
        arrived.lost_unanswered += u64::from(copies == 0 && !was_answered);
        arrived.lost_though_answered += u64::from(copies == 0 && was_answered);
        arrived.unanswered += u64::from(!was_answered);
        arrived.duplicates += copies.saturating_sub(1);
    }
    if copies.is_empty() { Ok(arrived) } else { Err("a stored file is like nothing that was sent".into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lost_twice_there_or_unanswered_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let workload = Workload { small: 4, small_bytes: 10, large: 0, ..Workload::SMALL };
        let files = workload.files(&folder.path().join("files")).unwrap();
        let storage = folder.path().join("storage");
        fs::create_dir(&storage).unwrap();
        for (file, copy) in [(0, "a"), (0, "b"), (1, "c")] {
            fs::copy(&files[file], storage.join(copy)).unwrap();
        }
        let answered = HashSet::from(["file-000.bin", "file-002.bin"].map(str::to_owned));
        let expected = Arrived { lost_unanswered: 1, lost_though_answered: 1, unanswered: 2, duplicates: 1 };
        assert_eq!(arrived(&files, &answered, &storage).unwrap(), expected);

        fs::write(storage.join("d"), "spoilt").unwrap();
        assert!(arrived(&files, &answered, &storage).unwrap_err().to_string().contains("like nothing"));
    }
}
