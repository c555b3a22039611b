use super::*;

struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn journal(&self) -> Journal {
        Journal::at(Journal::folder(&Environment::new([("XDG_STATE_HOME", self.0.path())])))
    }

    fn errand(&self, name: &str) -> Errand {
        let path = self.0.path().join(name);
        if !path.exists() {
            std::fs::write(&path, name).unwrap();
        }
        Errand::of("here:1", "auto", &path, None).unwrap()
    }

    fn files(&self) -> Vec<String> {
        let folder = std::fs::read_dir(self.0.path().join("dft/journal"));
        let mut names: Vec<String> = folder
            .map_or(Vec::new(), |entries| entries.map(|entry| entry.unwrap().path().display().to_string()).collect());
        names.sort();
        names
    }

    /// The one journal in which something is written.
    fn written(&self) -> PathBuf {
        let mut paths = self.files().into_iter().map(PathBuf::from);
        paths.find(|path| path.extension().is_some_and(|extension| extension == "json")).unwrap()
    }

    /// What a new run takes of these errands.
    fn taken(&self, errands: &[Errand], now_ms: u64) -> Vec<Place> {
        let taken = self.journal().take(errands.iter(), now_ms).unwrap();
        taken.into_iter().map(|(_, place)| place).collect()
    }
}

fn place(sequence: u64) -> Place {
    let secret = Secret::Token(shared::id::Token::from_random([2; 32]));
    let sequence = Sequence::new(sequence).unwrap();
    Place::Session { id: SessionId::from_random([1; 16]), secret, sequence, next: Sequence::FIRST }
}

/// A place in a session that a ticket of the greatest length continues.
fn with_ticket(session: u8, sequence: u64, ticket: u8) -> Place {
    let secret = Secret::Ticket(vec![ticket; shared::limits::TICKET_BYTES_MAX].into());
    let sequence = Sequence::new(sequence).unwrap();
    Place::Session { id: SessionId::from_random([session; 16]), secret, sequence, next: sequence }
}

impl Place {
    /// The same, written down when this number was the first without an answer.
    fn going_on_at(self, number: u64) -> Self {
        match self {
            Self::Session { id, secret, sequence, .. } => {
                Self::Session { id, secret, sequence, next: Sequence::new(number).unwrap() }
            }
            Self::Transfer(id) => Self::Transfer(id),
        }
    }
}

fn transfer(byte: u8) -> Place {
    Place::Transfer(TransferId::from_random([byte; 16]))
}

#[test]
fn what_a_run_left_is_taken_once_by_the_next() {
    let home = Home::new();
    let (a, b, c) = (home.errand("a"), home.errand("b"), home.errand("c"));
    let mut first = home.journal();
    first.note(&a, &place(3), 1).unwrap();
    first.note(&b, &transfer(7), 1).unwrap();
    first.note(&a, &place(4), 2).unwrap();
    drop(first);
    let mut second = home.journal();
    let errands = [c, a];
    let taken = second.take(errands.iter(), 3).unwrap();
    assert_eq!(taken, [(&errands[1], place(4))]);
    // Taken is taken, but the rest stays, and what was taken is left again if the second run ends too.
    assert_eq!(home.taken(&errands, 3), []);
    drop(second);
    let mut third = home.journal();
    assert_eq!(third.take([&b, &errands[1]].into_iter(), 4).unwrap().len(), 2);
    third.strike(&b).unwrap();
    third.strike(&errands[1]).unwrap();
    drop(third);
    assert_eq!(home.files(), [""; 0]);
}

#[test]
fn the_journal_of_a_run_that_lives_is_not_taken() {
    let home = Home::new();
    let a = home.errand("a");
    let mut alive = home.journal();
    alive.note(&a, &place(1), 1).unwrap();
    assert_eq!(home.taken(std::slice::from_ref(&a), 1), []);
    drop(alive);
    assert_eq!(home.taken(&[a], 1), [place(1)]);
}

#[test]
fn the_newest_ticket_of_a_session_goes_with_every_file_of_it() {
    let home = Home::new();
    let (a, b, c) = (home.errand("a"), home.errand("b"), home.errand("c"));
    // In one run.
    let mut first = home.journal();
    first.note(&a, &with_ticket(1, 3, 10), 1).unwrap();
    first.note(&c, &with_ticket(2, 1, 20), 2).unwrap();
    first.note(&b, &with_ticket(1, 4, 11), 3).unwrap();
    drop(first);
    let mut second = home.journal();
    let taken = second.take([&a].into_iter(), 4).unwrap();
    assert_eq!(taken, [(&a, with_ticket(1, 3, 11).going_on_at(4))]);
    // And over several.
    second.note(&a, &with_ticket(1, 3, 12).going_on_at(4), 5).unwrap();
    drop(second);
    let newest = [with_ticket(1, 3, 12).going_on_at(4), with_ticket(1, 4, 12), with_ticket(2, 1, 20)];
    assert_eq!(home.taken(&[a, b, c], 6), newest);
}

#[test]
fn an_answer_counts_for_every_file_of_its_session() {
    let home = Home::new();
    let (a, b, c) = (home.errand("a"), home.errand("b"), home.errand("c"));
    // In the run that heard it, and read again.
    let mut first = home.journal();
    first.note(&a, &place(1), 1).unwrap();
    first.note(&b, &place(2), 2).unwrap();
    first.note(&c, &with_ticket(2, 7, 20), 3).unwrap();
    first.settle(&a).unwrap();
    drop(first);
    // And in another, which goes on with that session.
    let mut second = home.journal();
    second.note(&a, &place(3), 4).unwrap();
    second.settle(&a).unwrap();
    second.note(&a, &place(4), 5).unwrap();
    drop(second);
    assert_eq!(home.taken(&[b.clone(), c], 6), [place(2).going_on_at(2), with_ticket(2, 7, 20)]);
    let mut third = home.journal();
    third.note(&b, &place(4).going_on_at(4), 7).unwrap();
    drop(third);
    assert_eq!(home.taken(&[a], 8), [place(4).going_on_at(4)]);
}

#[test]
fn a_refusal_is_no_answer_to_a_number() {
    let home = Home::new();
    let (a, b) = (home.errand("a"), home.errand("b"));
    let mut first = home.journal();
    first.note(&a, &place(1), 1).unwrap();
    first.note(&b, &place(2), 2).unwrap();
    first.strike(&a).unwrap();
    drop(first);
    assert_eq!(home.taken(&[b], 3), [place(2)]);
}

#[test]
fn a_journal_full_of_the_longest_tickets_is_read() {
    let home = Home::new();
    let errands: Vec<Errand> = (0..ENTRIES_MAX).map(|number| home.errand(&format!("f{number}"))).collect();
    let mut journal = home.journal();
    for errand in &errands {
        journal.note(errand, &with_ticket(1, 1, 10), 1).unwrap();
    }
    drop(journal);
    assert_eq!(home.taken(&errands, 1).len(), ENTRIES_MAX);
}

#[test]
fn another_file_mode_or_server_is_another_errand() {
    let home = Home::new();
    let a = home.errand("a");
    home.journal().note(&a, &place(1), 1).unwrap();
    let path = home.0.path().join("a");
    for (server, mode, name) in
        [("there:1", "auto", None), ("here:1", "stateless", None), ("here:1", "auto", Some("other"))]
    {
        assert_eq!(home.taken(&[Errand::of(server, mode, &path, name).unwrap()], 1), []);
    }
    std::fs::write(&path, "changed").unwrap();
    assert_eq!(home.taken(&[home.errand("a")], 1), []);
    assert_eq!(home.taken(&[a], 1), [place(1)]);
}

#[test]
fn what_is_old_is_forgotten() {
    const DAY: u64 = 24 * 60 * 60 * 1000;
    for (age, kept) in [(7 * DAY - 1, true), (7 * DAY, false), (7 * DAY + 1, false)] {
        let home = Home::new();
        let a = home.errand("a");
        home.journal().note(&a, &transfer(1), 5).unwrap();
        assert_eq!(home.taken(&[a], 5 + age).len() == 1, kept, "{age}");
        assert_eq!(home.files().is_empty(), !kept, "{age}");
    }
}

#[test]
fn no_more_is_kept_than_the_bounds() {
    let home = Home::new();
    for run in 0..70 {
        home.journal().note(&home.errand(&format!("f{run}")), &transfer(1), run).unwrap();
    }
    assert_eq!(home.taken(&[], 100), []);
    // A journal and a lock for each.
    assert_eq!(home.files().len(), 2 * 64);
    assert_eq!(home.taken(&[home.errand("f5"), home.errand("f6")], 100).len(), 1);
    let mut many = home.journal();
    for number in 0..70 {
        many.note(&home.errand(&format!("g{number}")), &transfer(2), 100).unwrap();
    }
    assert_eq!(many.own.as_ref().unwrap().entries.len(), ENTRIES_MAX);
}

/// The run was killed while it wrote its last line.
#[test]
fn a_line_that_was_cut_costs_only_its_own_change() {
    let home = Home::new();
    let (a, b) = (home.errand("a"), home.errand("b"));
    let mut killed = home.journal();
    killed.note(&a, &place(3), 1).unwrap();
    killed.note(&b, &place(4), 1).unwrap();
    killed.strike(&b).unwrap();
    drop(killed);
    let text = std::fs::read(home.written()).unwrap();
    std::fs::write(home.written(), &text[..text.len() - 2]).unwrap();
    assert_eq!(home.taken(&[a, b], 2), [place(3), place(4)]);
}

#[test]
fn a_journal_does_not_grow_with_what_was_struck_out() {
    let home = Home::new();
    let a = home.errand("a");
    let mut journal = home.journal();
    for round in 0..400 {
        // Nothing is under way when it is written anew, or something is.
        if round % 200 > 100 {
            journal.strike(&a).unwrap();
        }
        journal.note(&a, &with_ticket(1, round + 1, 7), 1).unwrap();
        let longest = home.files().iter().map(|name| std::fs::metadata(name).unwrap().len()).max().unwrap();
        assert!(longest <= 300 * 1024, "{longest} bytes after {round} rounds");
    }
    drop(journal);
    assert_eq!(home.taken(&[a], 2), [with_ticket(1, 400, 7)]);
}

#[test]
fn a_damaged_journal_is_none() {
    let home = Home::new();
    let a = home.errand("a");
    home.journal().note(&a, &transfer(1), 1).unwrap();
    std::fs::write(home.written(), "[{").unwrap();
    assert_eq!(home.taken(&[a], 1), []);
    assert_eq!(home.files(), [""; 0]);
}

#[cfg(unix)]
#[test]
fn only_the_user_can_read_it_and_it_holds_no_payload() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = Home::new();
    std::fs::write(home.0.path().join("a"), "what nobody is to read").unwrap();
    home.journal().note(&home.errand("a"), &place(1), 1).unwrap();
    for path in home.files() {
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{path}");
        assert!(!std::fs::read_to_string(&path).unwrap().contains("nobody"));
    }
    assert_eq!(std::fs::metadata(home.0.path().join("dft/journal")).unwrap().permissions().mode() & 0o777, 0o700);
}
