//! Wrong keepers. Each is right but for one mistake that people make.

use grade_06::{Disk, DiskError, JOURNAL, Keep, PART, Record, checksum, file_name};

type Outcome<T> = Result<T, DiskError>;

lab_kit::flaws! {
    /// writes numbers with the highest byte first
    HighestByteFirst by "a_record_on_the_disk",
    /// takes the first record for the last
    FirstIsLast by "records_are_found_again",
    /// tells of a record that was written and not synced
    AppendIsNotSynced by "an_append_is_durable",
    /// never makes the name of the journal durable
    JournalHasNoName by "the_journal_keeps_its_name",
    /// does not start with half a record in the journal
    TornIsAnError by "a_record_torn_at_every_byte",
    /// believes the length and computes no checksum
    ChecksumIsIgnored by "a_damaged_record_ends_the_journal",
    /// looks for the next record behind a damaged one
    DamageIsSkipped by "a_damaged_record_ends_the_journal",
    /// takes zeros for a record with an empty body
    ZerosAreARecord by "zeros_are_no_record",
    /// leaves half a record where it is and appends behind it
    TailStays by "appending_behind_a_torn_record",
    /// counts a file, then stores it
    CountsFirst by "a_counted_file_is_there",
    /// writes a file under its final name
    WritesInPlace by "a_reader_sees_whole_files_only",
    /// gives a file its name, then syncs its bytes
    NameBeforeBytes by "a_file_keeps_its_bytes",
    /// syncs a file and not its folder
    FolderIsNotSynced by "a_file_keeps_its_name",
    /// refuses a file whose name a crash has left
    NameTakenIsAnError by "a_repeat_after_a_crash",
    /// counts a file that a crash has left without looking into it
    NameTakenIsAdopted by "a_repeat_after_a_crash",
    /// never removes what was not whole
    PartsStay by "what_was_never_whole_is_cleared_away",
    /// goes on after a write that failed
    FullIsIgnored by "a_full_disk",
    /// appends behind what a failed append has left
    CutsInRecoveryOnly by "a_full_disk",
    /// syncs again after a failed sync, and believes it
    SyncIsTriedAgain by "a_failed_sync",
    /// empties the journal and writes it anew at each start
    JournalIsRewritten by "recovery_cut_short",
    /// tells at a start of records that are in memory only
    ReadIsTakenForDurable by "what_was_told_stays",
    /// recovers once, and marks that it has
    RecoversOnce by "a_crash_anywhere",
    /// takes the lock of a dead program for that of a living one
    LockOutlivesItsOwner by "killed_for_real",
    /// has two bytes for the length of a file
    LengthInTwoBytes by "killed_for_real",
}

/// The file that says that a start was done.
const MARK: &str = "recovered";
/// The file that says who uses the folder.
const LOCK: &str = "lock";

/// A keeper with a flaw.
pub(crate) struct Flawed {
    flaw: Flaw,
    end: usize,
    /// An append has failed.
    dirty: bool,
}

impl Flawed {
    pub(crate) fn new(flaw: Flaw) -> Self {
        Self { flaw, end: 0, dirty: false }
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == flaw
    }

    /// The next record and its length; `None` where they end.
    fn read(&self, bytes: &[u8]) -> Outcome<Option<(Record, usize)>> {
        let torn = || if self.has(Flaw::TornIsAnError) { Err(DiskError::Io) } else { Ok(None) };
        if bytes.is_empty() {
            return Ok(None);
        }
        let Some((head, behind)) = bytes.split_at_checked(8) else { return torn() };
        let length = self.number(head[..4].try_into().unwrap());
        let Some(body) = behind.get(..usize::try_from(length).unwrap()) else { return torn() };
        if checksum(body) != self.number(head[4..].try_into().unwrap()) && !self.has(Flaw::ChecksumIsIgnored) {
            return Ok(None);
        }
        let (sequence, receipt) = match body.split_first_chunk::<8>() {
            Some((sequence, receipt)) => (u64::from_le_bytes(*sequence), receipt),
            None if self.has(Flaw::ZerosAreARecord) => (0, body),
            None => return Ok(None),
        };
        Ok(Some((Record { sequence, receipt: receipt.to_vec() }, 8 + body.len())))
    }

    fn number(&self, bytes: [u8; 4]) -> u32 {
        if self.has(Flaw::HighestByteFirst) { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    }

    fn bytes(&self, record: &Record) -> Vec<u8> {
        let body = [record.sequence.to_le_bytes().as_slice(), &record.receipt].concat();
        let numbers = [u32::try_from(body.len()).unwrap(), checksum(&body)];
        let numbers = numbers.map(|number| self.number(number.to_le_bytes()).to_le_bytes());
        [numbers.concat(), body].concat()
    }

    fn sync(&self, disk: &mut dyn Disk, name: &str) -> Outcome<()> {
        match disk.sync(name) {
            Err(_) if self.has(Flaw::SyncIsTriedAgain) => disk.sync(name),
            synced => synced,
        }
    }

    /// Leaves in the journal what counts.
    fn mend(&self, disk: &mut dyn Disk, journal: &[u8]) -> Outcome<()> {
        if self.has(Flaw::TailStays) {
            return Ok(());
        }
        if self.has(Flaw::RecoversOnce) {
            if disk.read(MARK)?.is_some() {
                return Ok(());
            }
            disk.truncate(JOURNAL, self.end)?;
            disk.create(MARK)?;
            return disk.sync(JOURNAL);
        }
        if self.has(Flaw::JournalIsRewritten) {
            disk.create(JOURNAL)?;
            return disk.append(JOURNAL, &journal[..self.end]);
        }
        disk.truncate(JOURNAL, self.end)
    }

    fn lock(disk: &mut dyn Disk) -> Outcome<()> {
        let owner = std::process::id().to_string();
        match disk.read(LOCK)? {
            // A crash may have left a part of it.
            Some(found) if !owner.as_bytes().starts_with(&found) => return Err(DiskError::Io),
            Some(_) | None => {}
        }
        disk.create(LOCK)?;
        disk.append(LOCK, owner.as_bytes())
    }
}

impl Keep for Flawed {
    fn recover(&mut self, disk: &mut dyn Disk) -> Outcome<Option<Record>> {
        if self.has(Flaw::LockOutlivesItsOwner) {
            Self::lock(disk)?;
        }
        for name in disk.names()?.iter().filter(|name| name.ends_with(PART)) {
            if !self.has(Flaw::PartsStay) {
                disk.remove(name)?;
            }
        }
        if disk.read(JOURNAL)?.is_none() {
            disk.create(JOURNAL)?;
        }
        let journal = disk.read(JOURNAL)?.unwrap_or_default();
        let (mut last, mut at) = (None, 0);
        while at < journal.len() {
            match self.read(&journal[at..])? {
                Some((record, length)) => {
                    at += length;
                    self.end = at;
                    last = last.filter(|_| self.has(Flaw::FirstIsLast)).or(Some(record));
                }
                None if self.has(Flaw::DamageIsSkipped) => at += 1,
                None => break,
            }
        }
        self.mend(disk, &journal)?;
        if !self.has(Flaw::ReadIsTakenForDurable) {
            self.sync(disk, JOURNAL)?;
        }
        if !self.has(Flaw::JournalHasNoName) {
            disk.sync_folder()?;
        }
        Ok(last)
    }

    fn append(&mut self, disk: &mut dyn Disk, record: &Record) -> Outcome<()> {
        let bytes = self.bytes(record);
        if self.dirty && !self.has(Flaw::CutsInRecoveryOnly) {
            disk.truncate(JOURNAL, self.end)?;
        }
        self.dirty = true;
        disk.append(JOURNAL, &bytes)?;
        if !self.has(Flaw::AppendIsNotSynced) {
            self.sync(disk, JOURNAL)?;
        }
        self.dirty = false;
        self.end += bytes.len();
        Ok(())
    }

    fn store(&mut self, disk: &mut dyn Disk, record: &Record, payload: &[u8]) -> Outcome<()> {
        if self.has(Flaw::LengthInTwoBytes) {
            u16::try_from(payload.len()).unwrap();
        }
        let name = file_name(record.sequence);
        let taken = disk.read(&name)?.is_some();
        if taken && self.has(Flaw::NameTakenIsAnError) {
            return Err(DiskError::Io);
        }
        if taken && self.has(Flaw::NameTakenIsAdopted) {
            return self.append(disk, record);
        }
        if self.has(Flaw::CountsFirst) {
            self.append(disk, record)?;
        }
        let part = if self.has(Flaw::WritesInPlace) { name.clone() } else { format!("{name}{PART}") };
        disk.create(&part)?;
        let written = disk.append(&part, payload);
        if !self.has(Flaw::FullIsIgnored) {
            written?;
        }
        if self.has(Flaw::NameBeforeBytes) {
            disk.rename(&part, &name)?;
            self.sync(disk, &name)?;
        } else {
            self.sync(disk, &part)?;
            if part != name {
                disk.rename(&part, &name)?;
            }
        }
        if !self.has(Flaw::FolderIsNotSynced) {
            disk.sync_folder()?;
        }
        if self.has(Flaw::CountsFirst) { Ok(()) } else { self.append(disk, record) }
    }
}
