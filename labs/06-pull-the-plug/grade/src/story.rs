//! A keeper on a simulated disk: what it was asked, what it has told, and whether all of it still holds.

use std::collections::BTreeMap;

use lab_kit::{Failure, Picture, Step, caught};

use crate::simulated::{Loss, Simulated};
use crate::{DiskError, JOURNAL, Keep, PART, Record, Subject, file_name, layout};

pub(crate) type Outcome<T> = Result<T, Box<Failure>>;

/// An upload.
#[derive(Clone, Debug)]
pub(crate) struct Upload {
    pub(crate) record: Record,
    pub(crate) payload: Vec<u8>,
}

/// The usual upload of this sequence.
pub(crate) fn upload(sequence: u64) -> Upload {
    let receipt = format!("kept {}", file_name(sequence)).into_bytes();
    Upload { record: Record { sequence, receipt }, payload: format!("bytes of {sequence}").into_bytes() }
}

/// What happened so far.
pub(crate) struct Story<'subject> {
    subject: &'subject Subject,
    pub(crate) disk: Simulated,
    keeper: Option<Box<dyn Keep>>,
    /// The highest sequence that anybody was told is counted.
    pub(crate) told: u64,
    /// Per sequence, the uploads in their order.
    asked: BTreeMap<u64, Vec<Upload>>,
    steps: Vec<Step>,
    /// The journal before the keeper was asked last.
    journal: Vec<u8>,
    /// The disk when the last crash came.
    crashed: Option<String>,
}

impl<'subject> Story<'subject> {
    pub(crate) fn new(subject: &'subject Subject, disk: Simulated) -> Self {
        let (asked, steps, journal) = (BTreeMap::new(), Vec::new(), Vec::new());
        Self { subject, disk, keeper: None, told: 0, asked, steps, journal, crashed: None }
    }

    /// A story that begins with a journal of these records, and these bytes behind it.
    pub(crate) fn with_journal(subject: &'subject Subject, records: u64, behind: &[u8]) -> Self {
        let uploads: Vec<_> = (1..=records).map(upload).collect();
        let mut bytes = layout::journal(&uploads.iter().map(|upload| upload.record.clone()).collect::<Vec<_>>());
        bytes.extend_from_slice(behind);
        let mut story = Self::new(subject, Simulated::with(&[(JOURNAL, bytes)]));
        story.was_told(&uploads);
        let got = format!("{} bytes behind them", behind.len());
        story.step(format!("a journal with {records} records"), got);
        story
    }

    /// These were kept, and their clients know it.
    pub(crate) fn was_told(&mut self, uploads: &[Upload]) {
        for upload in uploads {
            self.told = self.told.max(upload.record.sequence);
            self.asked.insert(upload.record.sequence, vec![upload.clone()]);
        }
    }

    /// A start of the program. `false`: the plug came out meanwhile.
    pub(crate) fn recover(&mut self) -> Outcome<bool> {
        self.keeper = None;
        let outcome =
            self.call("recover".to_owned(), |keeper, disk| keeper.recover(disk), |last| told(last.as_ref()))?;
        let last = match outcome {
            Ok(last) => last,
            Err(_) if self.disk.pulled.is_some() || self.disk.failing.is_some() => return Ok(false),
            Err(error) => return Err(self.failure_in_journal("a start, whatever a crash has left", error.to_string())),
        };
        let sequence = last.as_ref().map_or(0, |record| record.sequence);
        let asked =
            |sequence| self.asked.get(&sequence).and_then(|uploads| uploads.last()).map(|upload| &upload.record);
        if sequence < self.told {
            let expected = format!("record {} or a later one, because somebody was told of it", self.told);
            return Err(self.failure_in_journal(expected, told(last.as_ref())));
        }
        if asked(sequence) != last.as_ref() {
            let expected = told(asked(sequence).or_else(|| asked(self.told)));
            return Err(self.failure_in_journal(expected, told(last.as_ref())));
        }
        self.told = sequence;
        Ok(true)
    }

    /// Appends a record. `false`: it was not told to be there.
    pub(crate) fn append(&mut self, record: &Record) -> Outcome<bool> {
        let upload = Upload { record: record.clone(), payload: Vec::new() };
        let did = format!("append {}", told(Some(record)));
        self.ask(did, upload, |keeper, disk, upload| keeper.append(disk, &upload.record))
    }

    /// Stores a file. `false`: it was not told to be there.
    pub(crate) fn store(&mut self, upload: Upload) -> Outcome<bool> {
        let did = format!("store {} of {} bytes", file_name(upload.record.sequence), upload.payload.len());
        self.ask(did, upload, |keeper, disk, upload| keeper.store(disk, &upload.record, &upload.payload))
    }

    fn ask(
        &mut self,
        did: String,
        upload: Upload,
        work: impl FnOnce(&mut dyn Keep, &mut Simulated, &Upload) -> Result<(), DiskError>,
    ) -> Outcome<bool> {
        let sequence = upload.record.sequence;
        let sent = upload.clone();
        self.asked.entry(sequence).or_default().push(upload);
        match self.call(did, |keeper, disk| work(keeper, disk, &sent), |()| "Ok".to_owned())? {
            Ok(()) => {
                self.told = self.told.max(sequence);
                Ok(true)
            }
            Err(_) if self.disk.pulled.is_some() || self.disk.failing.is_some() || self.disk.capacity.is_some() => {
                Ok(false)
            }
            Err(error) => Err(self.failure("Ok, for nothing is wrong with the disk", error.to_string())),
        }
    }

    /// Has the keeper do something. What it says when the plug is out, nobody hears.
    fn call<T>(
        &mut self,
        did: String,
        work: impl FnOnce(&mut dyn Keep, &mut Simulated) -> Result<T, DiskError>,
        says: impl Fn(&T) -> String,
    ) -> Outcome<Result<T, DiskError>> {
        let mut keeper = match self.keeper.take() {
            Some(keeper) => keeper,
            None => (self.subject.fresh)(),
        };
        self.journal = self.disk.bytes(JOURNAL).unwrap_or_default().to_vec();
        let disk = &mut self.disk;
        let outcome = caught(|| work(keeper.as_mut(), disk));
        self.keeper = Some(keeper);
        if self.disk.pulled.is_some() {
            self.step(did, "not heard".to_owned());
            return Ok(Err(DiskError::Off));
        }
        let failed = self.disk.failed.take().map_or_else(String::new, |what| format!(", and \"{what}\" fails once"));
        let did = did + &failed;
        match outcome {
            Ok(outcome) => {
                let got = outcome.as_ref().map_or_else(ToString::to_string, says);
                self.step(did, got);
                Ok(outcome)
            }
            Err(panicked) => {
                self.step(did, "a panic".to_owned());
                Err(self
                    .failure_in_journal("an answer", format!("a panic at {}: {}", panicked.place, panicked.message)))
            }
        }
    }

    /// What goes on after a crash.
    pub(crate) fn crashed(&self, loss: &Loss) -> Self {
        let disk = self.disk.crashed(loss);
        let before = self.disk.pulled.as_ref().map_or_else(String::new, |what| format!(" before \"{what}\""));
        let left = disk.all().map(|(name, bytes)| format!("{name} {} bytes", bytes.len())).collect::<Vec<_>>();
        let left = if left.is_empty() { "nothing".to_owned() } else { left.join(", ") };
        let mut story = Self {
            subject: self.subject,
            disk,
            keeper: None,
            told: self.told,
            asked: self.asked.clone(),
            steps: self.steps.clone(),
            journal: Vec::new(),
            crashed: Some(self.disk.shown()),
        };
        story.step(format!("crash{before}: {}", loss.says()), format!("left: {left}"));
        story
    }

    /// Each file that a reader can open is one that was sent, whole.
    pub(crate) fn files_are_whole(&self) -> Outcome<()> {
        for (name, bytes) in self.disk.all().filter(|(name, _)| name.starts_with("file_") && !name.ends_with(PART)) {
            let mut sent = self.asked.values().flatten().filter(|upload| file_name(upload.record.sequence) == name);
            if !sent.clone().any(|upload| upload.payload == bytes) {
                let length = sent.next_back().map_or(0, |upload| upload.payload.len());
                let expected = format!("no {name}, or all {length} bytes of it");
                return Err(self.failure(expected, format!("{} bytes: \"{}\"", bytes.len(), lab_kit::shown(bytes, 40))));
            }
        }
        Ok(())
    }

    /// Each file that somebody was told of is there, as it was sent last.
    pub(crate) fn told_files_are_there(&self) -> Outcome<()> {
        for sequence in 1..=self.told {
            let name = file_name(sequence);
            let sent = self.asked.get(&sequence).and_then(|uploads| uploads.last());
            let found = self.disk.bytes(&name);
            if found != sent.map(|upload| upload.payload.as_slice()) {
                let got = match found {
                    Some(bytes) => format!("{} bytes: \"{}\"", bytes.len(), lab_kit::shown(bytes, 40)),
                    None => format!("no {name}"),
                };
                return Err(self.failure(format!("{name}, because somebody was told that it is kept"), got));
            }
        }
        Ok(())
    }

    /// Every promise at once.
    pub(crate) fn all_holds(&self) -> Outcome<()> {
        self.files_are_whole()?;
        self.told_files_are_there()
    }

    fn step(&mut self, did: String, got: String) {
        self.steps.push(Step { did, got });
    }

    pub(crate) fn failure(&self, expected: impl Into<String>, got: impl Into<String>) -> Box<Failure> {
        let before = self.crashed.iter().map(|disk| ("The disk when the last crash came", disk.clone()));
        let now = [
            ("The disk at the end", self.disk.shown()),
            ("The journal at the end", layout::all_shown(self.disk.bytes(JOURNAL).unwrap_or_default())),
        ];
        let picture = Some(Picture::Sheet(before.chain(now).collect()));
        Box::new(Failure { steps: self.steps.clone(), expected: expected.into(), got: got.into(), picture })
    }

    /// A failure whose last step shows the journal as the keeper found it.
    fn failure_in_journal(&self, expected: impl Into<String>, got: impl Into<String>) -> Box<Failure> {
        let mut failure = self.failure(expected, got);
        if !self.journal.is_empty() {
            let (did, got) = layout::shown(&self.journal);
            failure.steps.push(Step { did, got });
        }
        failure
    }

    /// Makes one step of the last two, so that both stay on the screen.
    pub(crate) fn join_last(&mut self, did: String) {
        if let (Some(last), Some(before)) = (self.steps.pop(), self.steps.pop()) {
            self.step(did, format!("{}, then {}", before.got, last.got));
        }
    }
}

/// A record as transcripts write it.
pub(crate) fn told(record: Option<&Record>) -> String {
    match record {
        Some(Record { sequence, receipt }) => format!("record {sequence}, \"{}\"", lab_kit::shown(receipt, 40)),
        None => "no record".to_owned(),
    }
}
