//! The real client against the real server, as a user runs them.

use std::collections::BTreeMap;
use std::path::Path;

use client::{Console, Environment};
use harness::{Options, Server};
use server::config::{Naming, ServerMode};
use shared::exit::ExitCode;

/// One user with a home folder of their own and one server.
struct User {
    home: tempfile::TempDir,
    server: Server,
}

/// What a run of the client came to.
struct Ran {
    exit: ExitCode,
    output: String,
    errors: String,
}

impl User {
    fn of(server: Server) -> Self {
        Self { home: tempfile::tempdir().unwrap(), server }
    }

    /// Runs `client WORDS --to SERVER` with `input` on its standard input.
    fn runs(&self, words: &[&str], input: &[u8]) -> Ran {
        let address = self.server.address.to_string();
        let words: Vec<&str> = ["client"].iter().chain(words).copied().chain(["--to", &address]).collect();
        let (console, captured) = Console::captured(input);
        let environment = Environment::new([("HOME", self.home.path().as_os_str())]);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let exit = runtime.block_on(client::run(words, environment, console));
        Ran { exit, output: captured.output_text(), errors: captured.errors_text() }
    }

    fn file(&self, name: &str, content: &[u8]) -> String {
        let path = self.home.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// How often each content is in the storage.
    fn stored(&self) -> BTreeMap<Vec<u8>, usize> {
        let mut counts = BTreeMap::new();
        for content in harness::visible(&self.server.storage).into_values() {
            *counts.entry(content).or_default() += 1;
        }
        counts
    }
}

impl Ran {
    #[track_caller]
    fn ends(self, exit: ExitCode) -> Self {
        assert_eq!(self.exit, exit, "{}{}", self.output, self.errors);
        self
    }
}

#[test]
fn a_file_goes_out_in_every_mode_and_comes_back() {
    let user = User::of(Server::start(Options::default()));
    let picture = user.file("picture.png", &harness::picture());
    for mode in ["stateless", "stateful", "auto"] {
        let stored_as = user.runs(&["send", &picture, "--mode", mode, "--quiet"], b"").ends(ExitCode::Success).output;
        let stored_as = stored_as.trim();
        let back = user.home.path().join(format!("{mode}.png"));
        user.runs(&["fetch", stored_as, "--output", back.to_str().unwrap()], b"").ends(ExitCode::Success);
        assert_eq!(std::fs::read(&back).unwrap(), harness::picture(), "{mode}");
    }
    assert_eq!(user.stored(), BTreeMap::from([(harness::picture(), 3)]));
}

#[test]
fn a_stored_file_that_has_changed_on_the_disk_is_not_taken_for_the_one_that_was_sent() {
    let user = User::of(Server::start(Options::default()));
    let sent = user.file("one.txt", b"what was sent");
    let send = ["send", &sent, "--mode", "stateful", "--quiet"];
    let stored_as = user.runs(&send, b"").ends(ExitCode::Success).output;
    let stored_as = stored_as.trim();
    std::fs::write(user.server.storage.join(stored_as), b"what was SENT").unwrap();
    let back = user.home.path().join("back.txt");
    user.runs(&["fetch", stored_as, "--output", back.to_str().unwrap()], b"").ends(ExitCode::Integrity);
    assert!(!back.exists());
}

#[test]
fn the_last_session_is_looked_at_and_changed_by_the_commands_after_it() {
    let user = User::of(Server::start(Options::default()));
    let (one, two) = (user.file("one.txt", b"one"), user.file("two.txt", b"two"));
    let sent = user.runs(&["send", &one, &two, "--quiet"], b"").ends(ExitCode::Success).output;
    let listed = user.runs(&["list"], b"").ends(ExitCode::Success).output;
    let names: Vec<&str> = sent.lines().collect();
    assert!(names.len() == 2 && names.iter().all(|name| listed.contains(name)), "{sent}{listed}");
    assert!(user.runs(&["status"], b"").ends(ExitCode::Success).output.contains("2 files"));
    user.runs(&["remove", names[0]], b"").ends(ExitCode::Success);
    assert_eq!(user.stored(), BTreeMap::from([(b"two".to_vec(), 1)]));
    assert!(!user.runs(&["list"], b"").ends(ExitCode::Success).output.contains(names[0]));
}

#[test]
fn a_list_goes_on_behind_numbers_whose_files_are_removed() {
    // More sequences than a server with these names looks at for one answer.
    const REMOVED: usize = 60;
    let user = User::of(Server::start(Options::with(|config| config.naming = Naming::Simple)));
    for number in 0..REMOVED {
        user.file(&format!("tree/{number}"), b"gone");
    }
    let tree = user.home.path().join("tree");
    let sent = user.runs(&["send", tree.to_str().unwrap(), "--quiet"], b"").ends(ExitCode::Success).output;
    let remove: Vec<&str> = ["remove"].into_iter().chain(sent.lines()).collect();
    user.runs(&remove, b"").ends(ExitCode::Success);
    assert_eq!(user.runs(&["list", "--quiet"], b"").ends(ExitCode::Success).output, "");
    let last = user.file("last", b"last");
    let stored_as = user.runs(&["send", &last, "--session", "last", "--quiet"], b"").ends(ExitCode::Success).output;
    assert_eq!(user.runs(&["list", "--quiet"], b"").ends(ExitCode::Success).output, stored_as);
}

#[test]
fn a_tree_of_awkward_names_arrives_whole_in_both_modes() {
    let user = User::of(Server::start(Options::default()));
    let longest = "x".repeat(255);
    let names = ["plain", "with space", "ünï/日本.jpg", ".hidden", "-dash", "deep/er/and er", "empty", &longest];
    for (number, name) in names.iter().enumerate() {
        user.file(&format!("tree/{name}"), &vec![7; number]);
    }
    let tree = user.home.path().join("tree");
    for mode in ["stateless", "stateful"] {
        user.runs(&["send", tree.to_str().unwrap(), "--mode", mode], b"").ends(ExitCode::Success);
    }
    assert_eq!(user.stored(), (0..names.len()).map(|number| (vec![7; number], 2)).collect());
}

#[test]
fn standard_input_goes_out_without_a_known_length() {
    let user = User::of(Server::start(Options::default()));
    let input = harness::noise(1, 3 * 1024 * 1024 + 1);
    for mode in ["stateless", "stateful"] {
        user.runs(&["send", "-", "--name", "noise.bin", "--mode", mode], &input).ends(ExitCode::Success);
    }
    user.runs(&["send", "-"], b"").ends(ExitCode::Success);
    assert_eq!(user.stored(), BTreeMap::from([(input, 2), (Vec::new(), 1)]));
}

#[test]
fn a_server_without_sessions_is_served_stateless_and_the_user_hears_of_it() {
    let user = User::of(Server::start(Options::with(|config| config.mode = ServerMode::Stateless)));
    let file = user.file("one.txt", b"one");
    let ran = user.runs(&["send", &file], b"").ends(ExitCode::Success);
    assert!(ran.errors.contains("stateless"), "{}", ran.errors);
    user.runs(&["send", &file, "--mode", "stateful"], b"").ends(ExitCode::Refused);
    assert_eq!(user.stored(), BTreeMap::from([(b"one".to_vec(), 1)]));
}

#[test]
fn what_can_be_sent_is_sent_and_the_exit_code_tells_the_rest() {
    let user = User::of(Server::start(Options::with(|config| config.limits.stateless_request_bytes_max = 10)));
    let (small, large) = (user.file("small", b"small"), user.file("large", &[7; 11]));
    let missing = user.home.path().join("missing");
    let missing = missing.to_str().unwrap();
    user.runs(&["send", &small, missing], b"").ends(ExitCode::Partial);
    user.runs(&["send", missing], b"").ends(ExitCode::LocalFile);
    user.runs(&["send", &large, "--mode", "stateless"], b"").ends(ExitCode::Limits);
    assert_eq!(user.stored(), BTreeMap::from([(b"small".to_vec(), 1)]));
    assert!(!Path::new(missing).exists());
}

#[test]
fn a_run_draws_its_ladder_whatever_comes_of_it() {
    let user = User::of(Server::start(Options::default()));
    let file = user.file("a.txt", b"hello");
    let drawn = user.home.path().join("run.txt");
    let words = ["send", &file, "--close", "--ladder", drawn.to_str().unwrap()];
    user.runs(&words, b"").ends(ExitCode::Success);
    let ladder = std::fs::read_to_string(&drawn).unwrap();
    for shown in
        ["connection 1 opens", "session_created", "transfer #1 a.txt", "stored #1", "session_closed #2", "client ends"]
    {
        assert!(ladder.contains(shown), "no {shown} in\n{ladder}");
    }

    let stateful = User::of(Server::start(Options::with(|config| config.mode = ServerMode::Stateful)));
    let words = ["send", &file, "--mode", "stateless", "--ladder", drawn.to_str().unwrap()];
    stateful.runs(&words, b"").ends(ExitCode::Refused);
    let ladder = std::fs::read_to_string(&drawn).unwrap();
    assert!(ladder.contains("mode_disabled"), "{ladder}");

    let nowhere = user.home.path().join("missing").join("run.svg");
    let ran = user.runs(&["send", &file, "--ladder", nowhere.to_str().unwrap()], b"").ends(ExitCode::LocalFile);
    assert!(ran.errors.contains("run.svg"), "{}", ran.errors);
}
