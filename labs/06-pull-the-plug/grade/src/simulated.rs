//! A disk in memory that knows what was synced. It can be cut off before any operation, and then tells what is left.

use std::collections::BTreeMap;

use lab_kit::Dice;

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

/// A change of bytes that is not durable yet.
#[derive(Clone, Debug)]
enum Write {
    At(usize, Vec<u8>),
    Cut(usize),
}

/// A file, whatever it is called.
#[derive(Clone, Debug, Default)]
struct File {
    seen: Vec<u8>,
    durable: Vec<u8>,
    waiting: Vec<Write>,
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

impl File {
    fn change(&mut self, write: Write) {
        write.apply(&mut self.seen);
        self.waiting.push(write);
    }

    /// What is durable, and then these writes.
    fn after(&self, writes: impl Iterator<Item = Write>) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        writes.for_each(|write| write.apply(&mut bytes));
        bytes
    }

    fn torn(&self, kept: usize) -> Vec<u8> {
        let mut writes = self.waiting.clone();
        if let Some(Write::At(_, bytes)) = writes.last_mut() {
            bytes.truncate(kept);
        }
        self.after(writes.into_iter())
    }

    fn some(&self, dice: &mut Dice) -> Vec<u8> {
        self.after(self.waiting.iter().filter_map(|write| match (dice.below(3), write) {
            (0, _) => None,
            (1, Write::At(at, bytes)) => {
                let kept = dice.below(bytes.len().saturating_add(1));
                Some(Write::At(*at, bytes.get(..kept).unwrap_or_default().to_vec()))
            }
            (_, write) => Some(write.clone()),
        }))
    }
}

impl Write {
    /// What was never written between the end and the bytes is zeros.
    fn apply(&self, file: &mut Vec<u8>) {
        match self {
            Self::Cut(length) => file.truncate(*length),
            Self::At(_, bytes) if bytes.is_empty() => {}
            Self::At(at, bytes) => {
                file.resize(file.len().max(at.saturating_add(bytes.len())), 0);
                for (place, byte) in file.iter_mut().skip(*at).zip(bytes) {
                    *place = *byte;
                }
            }
        }
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
mod tests {
    use super::*;

    #[test]
    fn what_was_not_synced_is_lost_and_the_rest_is_not() {
        let mut disk = Simulated::default();
        disk.append("a", b"one").unwrap();
        disk.sync("a").unwrap();
        assert_eq!(disk.crashed(&Loss::All).bytes("a"), None, "its name was not synced");
        disk.sync_folder().unwrap();
        disk.append("a", b"two").unwrap();
        assert_eq!(disk.crashed(&Loss::All).bytes("a"), Some(&b"one"[..]));
        assert_eq!(disk.crashed(&Loss::Torn(1)).bytes("a"), Some(&b"onet"[..]));
        let killed = disk.crashed(&Loss::Nothing);
        assert_eq!(killed.bytes("a"), Some(&b"onetwo"[..]));
        assert_eq!(killed.crashed(&Loss::All).bytes("a"), Some(&b"one"[..]), "a kill makes nothing durable");
    }

    #[test]
    fn a_sync_that_failed_forgets_the_bytes() {
        let mut disk = Simulated::with(&[("a", b"one".to_vec())]);
        disk.append("a", b"two").unwrap();
        disk.failing = Some(1);
        assert_eq!(disk.sync("a"), Err(DiskError::Io));
        assert_eq!(disk.sync("a"), Ok(()));
        disk.append("a", b"three").unwrap();
        disk.sync("a").unwrap();
        assert_eq!(disk.bytes("a"), Some(&b"onetwothree"[..]));
        assert_eq!(disk.crashed(&Loss::All).bytes("a"), Some(&b"one\0\0\0three"[..]));
    }

    #[test]
    fn a_full_disk_takes_what_fits() {
        let mut disk = Simulated { capacity: Some(4), ..Simulated::default() };
        assert_eq!(disk.append("a", b"12345"), Err(DiskError::Full));
        assert_eq!(disk.bytes("a"), Some(&b"1234"[..]));
    }

    #[test]
    fn nothing_happens_behind_the_plug() {
        let mut disk = Simulated { off_before: Some(1), ..Simulated::default() };
        disk.append("a", b"1").unwrap();
        assert_eq!(disk.append("a", b"2"), Err(DiskError::Off));
        assert_eq!(disk.read("a"), Err(DiskError::Off));
        assert_eq!(disk.crashed(&Loss::Nothing).bytes("a"), Some(&b"1"[..]));
    }
}
