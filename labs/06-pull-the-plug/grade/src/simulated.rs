//! A disk in memory that knows what was synced. It can be cut off before any operation, and then tells what is left.

mod file;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use lab_kit::Dice;

use self::file::{File, Write};
use crate::{Disk, DiskError};

type Outcome<T> = Result<T, DiskError>;

/// What is lost in a crash of what was not synced. What was synced stays.
#[derive(Clone, Debug)]
pub(crate) enum Loss {
    /// Nothing: only the process was killed.
    Nothing,
    /// The bytes.
    Bytes,
    /// The names.
    Names,
    /// Bytes and names.
    All,
    /// The last bytes of the last write; so many of them are there.
    Torn(usize),
    /// What the dice say: of each file any of its writes, of one a part, and the last of the names.
    Some(Dice),
}

/// Those that leave nothing to chance.
pub(crate) const LOSSES: [Loss; 4] = [Loss::Nothing, Loss::Bytes, Loss::Names, Loss::All];

impl Loss {
    /// How a transcript says it.
    pub(crate) fn says(&self) -> String {
        match self {
            Self::Nothing => "the process is killed".to_owned(),
            Self::Bytes => "the power fails; bytes without a sync are lost".to_owned(),
            Self::Names => "the power fails; names without a sync are lost".to_owned(),
            Self::All => "the power fails; all without a sync is lost".to_owned(),
            Self::Torn(kept) => format!("the power fails; of the last write {kept} bytes are there"),
            Self::Some(_) => "the power fails; some without a sync is lost".to_owned(),
        }
    }
}

/// A change of names that is not durable yet: of which file this is the name now, if of any.
type Naming = Vec<(String, Option<usize>)>;

/// The disk.
#[derive(Clone, Debug, Default)]
pub(crate) struct Simulated {
    files: Vec<File>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    waiting: Vec<Naming>,
    /// How many operations were done.
    pub(crate) done: usize,
    /// The file to which the last operation appended, if it did.
    appended: Option<usize>,
    /// What was to be done when the plug was out.
    pub(crate) pulled: Option<String>,
    /// The operation before which the plug is pulled.
    pub(crate) off_before: Option<usize>,
    /// The operation that fails, if it is a sync.
    pub(crate) failing: Option<usize>,
    /// The sync that failed.
    pub(crate) failed: Option<String>,
    /// Bytes that all files together may have.
    pub(crate) capacity: Option<usize>,
}

impl Simulated {
    /// A disk with these files, all durable.
    pub(crate) fn with(files: &[(&str, Vec<u8>)]) -> Self {
        let mut disk = Self::default();
        for (name, bytes) in files {
            let file = disk.add(File { seen: bytes.clone(), durable: bytes.clone(), waiting: Vec::new() });
            disk.names.insert((*name).to_owned(), file);
        }
        disk.durable_names = disk.names.clone();
        disk
    }

    /// The bytes of a file, also when the plug is out.
    pub(crate) fn bytes(&self, name: &str) -> Option<&[u8]> {
        Some(&self.files.get(*self.names.get(name)?)?.seen)
    }

    /// All files.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.names.keys().filter_map(|name| Some((name.as_str(), self.bytes(name)?)))
    }

    /// How many bytes the last operation wrote.
    pub(crate) fn last_write(&self) -> usize {
        let file = self.appended.and_then(|file| self.files.get(file));
        match file.and_then(|file| file.waiting.last()) {
            Some(Write::At(_, bytes)) => bytes.len(),
            Some(Write::Cut(_)) | None => 0,
        }
    }

    /// The disk that is found after a crash.
    pub(crate) fn crashed(&self, loss: &Loss) -> Self {
        if let Loss::Nothing = loss {
            // The system lives. What waits for a sync may still be lost, when the power fails later.
            return Self { done: 0, appended: None, pulled: None, off_before: None, failing: None, ..self.clone() };
        }
        let mut dice = if let Loss::Some(dice) = loss { dice.clone() } else { Dice::new(0) };
        let names_kept = match loss {
            Loss::Names | Loss::All => 0,
            Loss::Nothing | Loss::Bytes | Loss::Torn(_) => self.waiting.len(),
            Loss::Some(_) => dice.below(self.waiting.len().saturating_add(1)),
        };
        let mut names = self.durable_names.clone();
        for naming in self.waiting.iter().take(names_kept) {
            apply(&mut names, naming);
        }
        let mut left = Self::default();
        for (name, number) in names {
            let Some(file) = self.files.get(number) else { continue };
            let bytes = match loss {
                Loss::Bytes | Loss::All => file.durable.clone(),
                Loss::Torn(kept) if self.appended == Some(number) => file.torn(*kept),
                Loss::Nothing | Loss::Names | Loss::Torn(_) => file.after(file.waiting.iter().cloned()),
                Loss::Some(_) => file.some(&mut dice),
            };
            let file = left.add(File { seen: bytes.clone(), durable: bytes, waiting: Vec::new() });
            left.names.insert(name, file);
        }
        left.durable_names = left.names.clone();
        left
    }

    /// Of each file what is seen of it, and what of it a power cut leaves in any case.
    pub(crate) fn shown(&self) -> String {
        let left = self.crashed(&Loss::All);
        let names: BTreeSet<_> = self.names.keys().chain(left.names.keys()).collect();
        let bytes = |bytes: Option<&[u8]>| bytes.map_or("-".to_owned(), |bytes| format!("{} bytes", bytes.len()));
        let mut text = format!("  {:24}  {:>12}  {:>12}\n", "", "seen", "sure to stay");
        for name in names {
            // Writing into a string cannot fail.
            let _ = writeln!(text, "  {name:24}  {:>12}  {:>12}", bytes(self.bytes(name)), bytes(left.bytes(name)));
        }
        text
    }

    fn add(&mut self, file: File) -> usize {
        self.files.push(file);
        self.files.len().saturating_sub(1)
    }

    /// Begins an operation: whether it fails.
    fn begin(&mut self, what: String) -> Outcome<bool> {
        if self.pulled.is_some() {
            return Err(DiskError::Off);
        }
        if self.off_before.is_some_and(|off| off <= self.done) {
            self.pulled = Some(what);
            return Err(DiskError::Off);
        }
        let fails = self.failing == Some(self.done) && what.starts_with("sync");
        if fails {
            self.failed = Some(what);
        }
        self.done = self.done.saturating_add(1);
        self.appended = None;
        Ok(fails)
    }

    fn file(&mut self, name: &str) -> Outcome<&mut File> {
        let file = *self.names.get(name).ok_or(DiskError::Missing)?;
        self.files.get_mut(file).ok_or(DiskError::Missing)
    }

    fn name(&mut self, naming: Naming) {
        apply(&mut self.names, &naming);
        self.waiting.push(naming);
    }

    fn make(&mut self, name: &str) {
        let file = self.add(File::default());
        self.name(vec![(name.to_owned(), Some(file))]);
    }
}

fn apply(names: &mut BTreeMap<String, usize>, naming: &Naming) {
    for (name, file) in naming {
        match file {
            Some(file) => names.insert(name.clone(), *file),
            None => names.remove(name),
        };
    }
}

impl Disk for Simulated {
    fn read(&self, name: &str) -> Outcome<Option<Vec<u8>>> {
        if self.pulled.is_some() { Err(DiskError::Off) } else { Ok(self.bytes(name).map(<[u8]>::to_vec)) }
    }

    fn names(&self) -> Outcome<Vec<String>> {
        if self.pulled.is_some() { Err(DiskError::Off) } else { Ok(self.names.keys().cloned().collect()) }
    }

    fn create(&mut self, name: &str) -> Outcome<()> {
        self.begin(format!("create {name}"))?;
        match self.file(name) {
            Ok(file) => file.change(Write::Cut(0)),
            Err(_) => self.make(name),
        }
        Ok(())
    }

    fn append(&mut self, name: &str, bytes: &[u8]) -> Outcome<()> {
        self.begin(format!("append {} bytes to {name}", bytes.len()))?;
        if !self.names.contains_key(name) {
            self.make(name);
        }
        let used: usize = self.all().map(|(_, bytes)| bytes.len()).sum();
        let room = self.capacity.map_or(usize::MAX, |capacity| capacity.saturating_sub(used));
        self.appended = self.names.get(name).copied();
        let file = self.file(name)?;
        let fitting = bytes.get(..room).unwrap_or(bytes);
        file.change(Write::At(file.seen.len(), fitting.to_vec()));
        if fitting.len() < bytes.len() { Err(DiskError::Full) } else { Ok(()) }
    }

    fn truncate(&mut self, name: &str, length: usize) -> Outcome<()> {
        self.begin(format!("truncate {name} to {length} bytes"))?;
        self.file(name)?.change(Write::Cut(length));
        Ok(())
    }

    fn sync(&mut self, name: &str) -> Outcome<()> {
        let fails = self.begin(format!("sync {name}"))?;
        let file = self.file(name)?;
        let writes = std::mem::take(&mut file.waiting);
        if fails {
            // The system takes the bytes for written, and will not write them again.
            return Err(DiskError::Io);
        }
        file.durable = file.after(writes.into_iter());
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str) -> Outcome<()> {
        self.begin(format!("rename {from} to {to}"))?;
        let file = *self.names.get(from).ok_or(DiskError::Missing)?;
        self.name(vec![(from.to_owned(), None), (to.to_owned(), Some(file))]);
        Ok(())
    }

    fn remove(&mut self, name: &str) -> Outcome<()> {
        self.begin(format!("remove {name}"))?;
        self.file(name)?;
        self.name(vec![(name.to_owned(), None)]);
        Ok(())
    }

    fn sync_folder(&mut self) -> Outcome<()> {
        if self.begin("sync the folder".to_owned())? {
            return Err(DiskError::Io);
        }
        for naming in std::mem::take(&mut self.waiting) {
            apply(&mut self.durable_names, &naming);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
