use std::time::{Duration, SystemTime};

use shared::digest::Digest;
use shared::id::Sequence;
use shared::wire::Mode;

use super::*;

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn folder(&self) -> PathBuf {
        self.0.path().join("journal")
    }

    fn journal(&self) -> Journal {
        Journal::at(Some(self.folder()))
    }

    fn errand(&self, name: &str) -> Errand {
        let path = self.0.path().join(name);
        if !path.exists() {
            std::fs::write(&path, name).unwrap();
        }
        Errand::of("here:1", "auto", &path, None).unwrap()
    }

    fn ledgers(&self) -> Vec<PathBuf> {
        ledgers_in(&self.folder()).unwrap()
    }
}

fn round(path: &str) -> Round {
    Round::of("here:1".to_owned(), "auto", None, None, &[PathBuf::from(path)])
}

fn stored(place: &str) -> Stored {
    let nothing = "blake3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";
    Stored {
        path: "a".to_owned(),
        name: Some("a".to_owned()),
        place: place.to_owned(),
        size: 3,
        digest: Digest::from_wire(nothing).unwrap(),
        mode: Mode::Stateful,
        session: None,
        sequence: Some(Sequence::FIRST),
        ack: Some(Ack::Written),
        replayed: false,
        degraded_from: None,
        ms: 1,
    }
}

/// A journal whose run stored this, and was cut.
fn cut(home: &Home, path: &str, names: &[&str]) {
    let mut journal = home.journal();
    journal.stored_before(&round(path), 0).unwrap();
    for name in names {
        journal.add_stored(&home.errand(name), &stored(&format!("stored-{name}"))).unwrap();
    }
}

/// Where the files of these errands were stored before, as the next run is told.
fn told(home: &Home, path: &str, names: &[&str]) -> Vec<Option<String>> {
    let mut before = home.journal().stored_before(&round(path), 0).unwrap();
    names.iter().map(|name| before.take(&home.errand(name), None).map(|stored| stored.place)).collect()
}

#[test]
fn what_a_cut_run_stored_is_told_to_every_later_run_until_one_comes_to_its_end() {
    let home = Home::new();
    cut(&home, "x", &["a", "b"]);
    cut(&home, "x", &["c"]);
    let all = ["stored-a", "stored-b", "stored-c"].map(|place| Some(place.to_owned()));
    assert_eq!(told(&home, "x", &["a", "b", "c"]), all);
    let mut last = home.journal();
    last.stored_before(&round("x"), 0).unwrap();
    last.end_round();
    assert!(home.ledgers().is_empty());
    assert_eq!(told(&home, "x", &["a"]), [None]);
    // A run that stored nothing leaves nothing.
    assert!(home.ledgers().is_empty());
}

#[test]
fn a_file_sent_twice_by_one_command_is_told_as_often_as_it_was_stored() {
    let home = Home::new();
    cut(&home, "x", &["a", "a"]);
    let place = Some("stored-a".to_owned());
    assert_eq!(told(&home, "x", &["a", "a", "a"]), [place.clone(), place, None]);
}

#[test]
fn another_command_or_a_changed_file_is_told_nothing() {
    let home = Home::new();
    cut(&home, "x", &["a"]);
    assert_eq!(told(&home, "y", &["a"]), [None]);
    let one = |server: &str, mode, session: Option<&str>, name: Option<&str>| {
        Round::of(server.to_owned(), mode, session.map(str::to_owned), name.map(str::to_owned), &[PathBuf::from("x")])
    };
    for other in [
        one("there:1", "auto", None, None),
        one("here:1", "stateless", None, None),
        one("here:1", "auto", Some("last"), None),
        one("here:1", "auto", None, Some("name")),
    ] {
        assert!(home.journal().stored_before(&other, 0).unwrap().is_empty(), "{other:?}");
    }
    std::fs::write(home.0.path().join("a"), "changed").unwrap();
    assert_eq!(told(&home, "x", &["a"]), [None]);
}

#[test]
fn a_weaker_promise_than_the_one_asked_for_is_none() {
    let home = Home::new();
    for (asked, enough) in [(None, true), (Some(Ack::Written), true), (Some(Ack::Durable), false)] {
        cut(&home, "x", &["a"]);
        let mut journal = home.journal();
        let mut before = journal.stored_before(&round("x"), 0).unwrap();
        assert_eq!(before.take(&home.errand("a"), asked).is_some(), enough, "{asked:?}");
        journal.end_round();
    }
}

#[test]
fn the_ledger_of_a_run_that_lives_is_its_own() {
    let home = Home::new();
    let mut alive = home.journal();
    alive.stored_before(&round("x"), 0).unwrap();
    alive.add_stored(&home.errand("a"), &stored("first")).unwrap();
    let mut second = home.journal();
    assert!(second.stored_before(&round("x"), 0).unwrap().is_empty());
    second.add_stored(&home.errand("b"), &stored("second")).unwrap();
    second.end_round();
    drop(alive);
    assert_eq!(told(&home, "x", &["a", "b"]), [Some("first".to_owned()), None]);
}

/// Killed while it wrote, a run left half a line; the next one begins a line of its own.
#[test]
fn a_line_that_was_cut_is_none_and_spoils_no_other() {
    let home = Home::new();
    cut(&home, "x", &["a", "b"]);
    let whole = std::fs::read(&home.ledgers()[0]).unwrap();
    let second = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    for length in second..whole.len() {
        std::fs::write(&home.ledgers()[0], &whole[..length]).unwrap();
        cut(&home, "x", &["c"]);
        let (a, c) = (Some("stored-a".to_owned()), Some("stored-c".to_owned()));
        assert_eq!(told(&home, "x", &["a", "b", "c"]), [a, None, c], "{length}");
    }
}

#[test]
fn a_file_more_costs_a_line_more_and_no_line_is_written_twice() {
    let home = Home::new();
    let mut journal = home.journal();
    journal.stored_before(&round("x"), 0).unwrap();
    let mut sizes = vec![0];
    for name in ["a", "b", "c", "d"] {
        journal.add_stored(&home.errand(name), &stored("place")).unwrap();
        sizes.push(std::fs::metadata(&home.ledgers()[0]).unwrap().len());
    }
    let lines: Vec<u64> = sizes.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(lines, [lines[0]; 4]);
    // What one run may write down is enough for a hundred thousand files.
    assert!(lines[0] * 100_000 < BYTES_MAX, "{}", lines[0]);
}

#[test]
fn a_full_ledger_takes_no_more() {
    let home = Home::new();
    let line = |place: &str| {
        let (errand, stored) = (fingerprint(&home.errand("a")).unwrap(), stored(place));
        u64::try_from(serde_json::to_vec(&Line { errand, stored }).unwrap().len()).unwrap() + 1
    };
    for (left, fits) in [(line("place"), true), (line("place") - 1, false)] {
        let mut journal = home.journal();
        journal.stored_before(&round("x"), 0).unwrap();
        let ledger = journal.ledger.as_mut().unwrap();
        ledger.bytes = BYTES_MAX - left;
        ledger.add(&home.errand("a"), &stored("place")).unwrap();
        assert_eq!(std::fs::metadata(&home.ledgers()[0]).unwrap().len() > 0, fits);
        journal.end_round();
    }
}

#[test]
fn what_is_old_or_too_much_is_swept_and_the_oldest_goes_first() {
    let set = |path: &Path, ms: u64| {
        let time = SystemTime::UNIX_EPOCH + Duration::from_millis(ms);
        File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
    };
    for (age, kept) in [(7 * DAY_MS - 1, true), (7 * DAY_MS, false), (7 * DAY_MS + 1, false)] {
        let home = Home::new();
        cut(&home, "x", &["a"]);
        set(&home.ledgers()[0], 5000);
        sweep(&home.folder(), 5000 + age, BYTES_MAX).unwrap();
        assert_eq!(home.ledgers().len() == 1, kept, "{age}");
    }
    let home = Home::new();
    let ledger = |path: &str| home.folder().join(fingerprint(&round(path)).unwrap()).with_extension(EXTENSION);
    for (path, ms) in [("x", 3000), ("y", 1000), ("z", 2000)] {
        cut(&home, path, &["a"]);
        set(&ledger(path), ms);
    }
    let bytes = std::fs::metadata(ledger("x")).unwrap().len();
    for (bytes_max, left) in [(3 * bytes, vec!["x", "y", "z"]), (3 * bytes - 1, vec!["x", "z"]), (bytes, vec!["x"])] {
        sweep(&home.folder(), 4000, bytes_max).unwrap();
        let there = |path: &&str| ledger(path).exists();
        assert_eq!(["x", "y", "z"].into_iter().filter(there).collect::<Vec<_>>(), left);
    }
    // A run that lives goes on, however much there is.
    let mut alive = home.journal();
    alive.stored_before(&round("x"), 4000).unwrap();
    sweep(&home.folder(), u64::MAX, 0).unwrap();
    assert!(ledger("x").exists());
}

#[cfg(unix)]
#[test]
fn only_the_user_can_read_it_and_it_holds_no_payload() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = Home::new();
    std::fs::write(home.0.path().join("a"), "what nobody is to read").unwrap();
    cut(&home, "x", &["a"]);
    let path = &home.ledgers()[0];
    assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!std::fs::read_to_string(path).unwrap().contains("nobody"));
}
