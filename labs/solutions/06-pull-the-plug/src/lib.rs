//! Lab 06, Pull the Plug: a solution. There are others.

use grade_06::{Disk, DiskError, JOURNAL, Keep, PART, Record, checksum, file_name};

/// Keeps uploads, so that none is lost that a client was told of.
#[derive(Debug, Default)]
pub struct Keeper {
    /// Where the last record ends that counts. What is behind it is not ours.
    end: usize,
}

impl Keep for Keeper {
    fn recover(&mut self, disk: &mut dyn Disk) -> Result<Option<Record>, DiskError> {
        for name in disk.names()? {
            if name.ends_with(PART) {
                disk.remove(&name)?;
            }
        }
        if disk.read(JOURNAL)?.is_none() {
            disk.create(JOURNAL)?;
        }
        let journal = disk.read(JOURNAL)?.unwrap_or_default();
        let mut last = None;
        // The first that is no record is where the crash came. Nothing behind it was ever told to anybody.
        while let Some((record, length)) = read(journal.get(self.end..).unwrap_or_default()) {
            last = Some(record);
            self.end += length;
        }
        disk.truncate(JOURNAL, self.end)?;
        // What was read may be in the memory of the system only, and is told from now on.
        disk.sync(JOURNAL)?;
        disk.sync_folder()?;
        Ok(last)
    }

    fn append(&mut self, disk: &mut dyn Disk, record: &Record) -> Result<(), DiskError> {
        let body = [record.sequence.to_le_bytes().as_slice(), &record.receipt].concat();
        let length = u32::try_from(body.len()).map_err(|_| DiskError::Full)?;
        let bytes = [length.to_le_bytes().as_slice(), &checksum(&body).to_le_bytes(), &body].concat();
        // An append that failed has left something here that nobody knows. It is written again, not synced again.
        disk.truncate(JOURNAL, self.end)?;
        disk.append(JOURNAL, &bytes)?;
        disk.sync(JOURNAL)?;
        self.end += bytes.len();
        Ok(())
    }

    fn store(&mut self, disk: &mut dyn Disk, record: &Record, payload: &[u8]) -> Result<(), DiskError> {
        let name = file_name(record.sequence);
        let part = format!("{name}{PART}");
        disk.create(&part)?;
        disk.append(&part, payload)?;
        // Bytes before the name: a visible file is whole. The name before the count: a counted file is there.
        disk.sync(&part)?;
        disk.rename(&part, &name)?;
        disk.sync_folder()?;
        self.append(disk, record)
    }
}

/// The record at the beginning of `bytes`, if it is whole, and its length.
fn read(bytes: &[u8]) -> Option<(Record, usize)> {
    let (&length, behind) = bytes.split_first_chunk::<4>()?;
    let (&sum, behind) = behind.split_first_chunk::<4>()?;
    let body = behind.get(..usize::try_from(u32::from_le_bytes(length)).ok()?)?;
    if checksum(body) != u32::from_le_bytes(sum) {
        return None;
    }
    // The checksum of nothing is zero, so zeros come this far; they have no sequence.
    let (&sequence, receipt) = body.split_first_chunk::<8>()?;
    let record = Record { sequence: u64::from_le_bytes(sequence), receipt: receipt.to_vec() };
    Some((record, 4 + 4 + body.len()))
}
