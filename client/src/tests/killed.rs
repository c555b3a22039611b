//! Runs that were killed or interrupted, and the same command run again.

use super::*;

impl World {
    /// Runs the program until the server has heard a transfer, then ends it as a kill does: nothing of it goes on.
    async fn killed(&self, line: &str, to: &str, heard: &Heard) {
        self.killed_at(&["transfer"], line, to, heard).await;
    }

    /// The same, when the server has heard these actions last.
    pub(super) async fn killed_at(&self, last: &[&str], line: &str, to: &str, heard: &Heard) {
        let last: Vec<String> = last.iter().map(|action| (*action).to_owned()).collect();
        self.killed_when(line, to, || actions(heard).ends_with(&last)).await;
    }

    /// The same, when this has come true.
    pub(super) async fn killed_when(&self, line: &str, to: &str, come_true: impl Fn() -> bool) {
        let words = line.split(' ').map(|word| word.strip_prefix('@').map_or(word.to_owned(), |name| self.path(name)));
        let args = ["client".to_owned()].into_iter().chain(words).chain([format!("--to={to}")]);
        let run = Box::pin(crate::run(args, self.environment(), Console::captured("").0));
        let until = async {
            while !come_true() {
                tokio::task::yield_now().await;
            }
        };
        let killed = async {
            tokio::select! {
                biased;
                exit = run => panic!("it ended by itself: {exit:?}"),
                () = until => {}
            }
        };
        tokio::time::timeout(Duration::from_secs(20), killed).await.expect("it did not come true");
    }

    pub(super) fn journals(&self) -> usize {
        std::fs::read_dir(self.path("state/dft/journal")).map_or(0, Iterator::count)
    }
}

pub(super) fn actions(heard: &Heard) -> Vec<String> {
    let heard = heard.lock().unwrap();
    heard.iter().map(|(header, _)| header["session"]["action"].as_str().unwrap().to_owned()).collect()
}

pub(super) fn field(heard: &Heard, action: &str, path: &str) -> Vec<serde_json::Value> {
    let heard = heard.lock().unwrap();
    let fitting = heard.iter().filter(|(header, _)| header["session"]["action"] == action);
    fitting.map(|(header, _)| header.pointer(path).cloned().unwrap_or_default()).collect()
}

fn replayed() -> Act {
    let mut hasher = shared::digest::DigestKind::Blake3.hasher();
    hasher.update(b"aaa");
    let file = format!(r#""file":{{"stored_as":"x","size":3,"digest":"{}"}}"#, hasher.finish().to_wire());
    Act::Early(line("stored", &format!(r#","sequence":1,"replayed":true,"ack":"durable",{file}"#)))
}

#[tokio::test]
async fn a_killed_client_goes_on_in_its_session_when_it_is_run_again() {
    for (second, transfers) in [
        // It was stored, and only the answer was lost.
        (vec![resumed(2), replayed()], [1, 1]),
        // It was not.
        (vec![resumed(1), stored()], [1, 1]),
    ] {
        let world = World::new();
        let heard = Heard::default();
        let address = serve_heard(vec![vec![created(), Act::Silence], second], heard.clone()).await;
        world.killed("send @a.txt", &address, &heard).await;
        assert!(world.journals() > 0);
        let (exit, captured) = world.run("send @a.txt", &address).await;
        assert_eq!(exit, 0, "{}", captured.errors_text());
        assert_eq!(field(&heard, "transfer", "/session/sequence"), transfers);
        assert_eq!(field(&heard, "connect", "/session/token")[1], TOKEN);
        assert!(
            captured.errors_text().contains("going on with what an earlier run left"),
            "{}",
            captured.errors_text()
        );
        assert_eq!(world.journals(), 0, "what is stored needs nobody to go on with it");
    }
}

#[tokio::test]
async fn a_killed_client_goes_on_without_a_session_by_its_transfer_id() {
    let world = World::new();
    let heard = Heard::default();
    let unknown = error("file_unknown");
    let address = serve_heard(vec![vec![Act::Silence], vec![unknown, stored_stateless()]], heard.clone()).await;
    world.killed("send @a.txt --mode stateless", &address, &heard).await;
    let (exit, captured) = world.run("send @a.txt --mode stateless", &address).await;
    assert_eq!(exit, 0, "{}", captured.errors_text());
    let ids = field(&heard, "transfer", "/transfer_id");
    assert_eq!((ids.len(), &ids[0]), (2, &ids[1]));
    assert_eq!(field(&heard, "status", "/transfer_id"), [ids[0].clone()]);
}

#[tokio::test]
async fn what_was_left_comes_before_new_files_and_under_its_own_number() {
    let world = World::new();
    let heard = Heard::default();
    let second = vec![resumed(1), stored(), stored()];
    let address = serve_heard(vec![vec![created(), Act::Silence], second], heard.clone()).await;
    world.killed("send @b.txt", &address, &heard).await;
    let (exit, captured) = world.run("send @a.txt @b.txt", &address).await;
    assert_eq!(exit, 0, "{}", captured.errors_text());
    assert_eq!(field(&heard, "transfer", "/name"), ["b.txt", "b.txt", "a.txt"]);
    assert_eq!(field(&heard, "transfer", "/session/sequence"), [1, 1, 2]);
}

#[tokio::test]
async fn what_was_left_in_a_session_that_is_gone_is_sent_in_another() {
    let world = World::new();
    let heard = Heard::default();
    let scripts = vec![vec![created(), Act::Silence], vec![gone("expired")], vec![created(), stored()]];
    let address = serve_heard(scripts, heard.clone()).await;
    world.killed("send @a.txt", &address, &heard).await;
    let (exit, captured) = world.run("send @a.txt --json", &address).await;
    assert_eq!(exit, 0, "{}", captured.errors_text());
    assert!(captured.output_text().contains(r#""event":"gone""#), "{}", captured.output_text());
}

#[tokio::test]
async fn another_command_does_not_go_on_with_it() {
    let world = World::new();
    let heard = Heard::default();
    let scripts = vec![vec![created(), Act::Silence], vec![stored_stateless()], vec![created(), stored()]];
    let address = serve_heard(scripts, heard.clone()).await;
    world.killed("send @a.txt", &address, &heard).await;
    assert_eq!(world.run("send @a.txt --mode stateless", &address).await.0, 0);
    assert_eq!(world.run("send @b.txt", &address).await.0, 0);
    assert_eq!(field(&heard, "connect", "/session/id"), [serde_json::Value::Null, serde_json::Value::Null]);
    assert!(world.journals() > 0, "it is still there for the command it belongs to");
}

#[tokio::test]
async fn a_file_that_is_stored_wrong_is_nothing_to_go_on_with() {
    let world = World::new();
    let heard = Heard::default();
    let file = format!(r#""file":{{"stored_as":"x","size":SIZE,"digest":"{}"}}"#, digest_of("other"));
    let wrong = reply("stored", &format!(r#","sequence":SEQUENCE,"ack":"durable",{file}"#));
    let scripts = vec![vec![created(), wrong], vec![created(), stored()]];
    let address = serve_heard(scripts, heard.clone()).await;
    assert_eq!(world.run("send @a.txt", &address).await.0, 5);
    assert_eq!(world.journals(), 0);
    let (exit, captured) = world.run("send @a.txt", &address).await;
    assert_eq!(exit, 0, "{}", captured.errors_text());
    assert_eq!(field(&heard, "connect", "/session/id"), [serde_json::Value::Null, serde_json::Value::Null]);
}

#[tokio::test]
async fn an_interrupted_client_says_which_command_goes_on_and_keeps_what_that_needs() {
    let world = World::new();
    let heard = Heard::default();
    let scripts = vec![vec![created(), stored(), Act::Silence], vec![resumed(2), stored()]];
    let address = serve_heard(scripts, heard.clone()).await;
    let (stop, interrupt) = Interrupt::pair();
    let (console, captured) = Console::captured("");
    let to = format!("--to={address}");
    let args = ["client".to_owned(), "send".into(), world.path("a.txt"), world.path("b.txt"), to.clone()];
    let run = crate::run(args, world.environment().interrupted_by(interrupt), console);
    let stopper = async {
        while actions(&heard).len() < 3 {
            tokio::task::yield_now().await;
        }
        stop.send(true).unwrap();
    };
    let (exit, ()) = tokio::join!(run, stopper);
    assert_eq!(exit.code(), 130);
    let command = format!("to go on: client send {} {} {to}\n", world.path("a.txt"), world.path("b.txt"));
    assert!(captured.errors_text().contains(&command), "{}", captured.errors_text());
    let (exit, captured) = world.run("send @a.txt @b.txt", &address).await;
    assert_eq!(exit, 0, "{}", captured.errors_text());
    assert_eq!(field(&heard, "transfer", "/session/sequence"), [1, 2, 2]);
    assert_eq!(world.journals(), 0);
}

const TWO_FILES: [&str; 3] = ["connect", "transfer", "transfer"];

#[tokio::test]
async fn a_killed_client_does_not_send_again_what_was_stored() {
    for format in ["--format=human", "--json", "-q"] {
        let world = World::new();
        let heard = Heard::default();
        let first = vec![created(), stored(), Act::Silence];
        let address = serve_heard(vec![first, vec![resumed(2), stored()]], heard.clone()).await;
        world.killed_at(&TWO_FILES, "send @a.txt @b.txt", &address, &heard).await;
        let (exit, captured) = world.run(&format!("send @a.txt @b.txt {format}"), &address).await;
        let (output, errors) = (captured.output_text(), captured.errors_text());
        assert_eq!(exit, 0, "{errors}");
        assert_eq!(field(&heard, "transfer", "/name"), ["a.txt", "b.txt", "b.txt"]);
        assert_eq!(world.journals(), 0, "nothing is left to go on with");
        match format {
            "--json" => {
                let lines: Vec<serde_json::Value> =
                    output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
                let already = lines.iter().find(|line| line["event"] == "already").unwrap();
                assert_eq!((&already["stored_as"], &already["size"]), (&"session_x/file_1_9.txt".into(), &3.into()));
                assert_eq!((&already["session"], &already["sequence"]), (&ID.into(), &1.into()));
                let summary = lines.last().unwrap();
                assert_eq!(
                    (&summary["files"], &summary["already"], &summary["failed"]),
                    (&1.into(), &1.into(), &0.into())
                );
            }
            "-q" => assert_eq!(output, "session_x/file_1_9.txt\nsession_x/file_2_9.txt\n"),
            _ => {
                assert!(errors.contains("already stored by the run that was cut: 1 file\n"), "{errors}");
                assert!(errors.contains("1 file stored, 1 B in "), "{errors}");
                assert!(errors.contains("; 1 file already stored"), "{errors}");
                assert!(output.contains("(stored by the run that was cut)\n"), "{output}");
            }
        }
    }
}

#[tokio::test]
async fn a_client_killed_when_all_was_stored_has_nothing_left_but_to_close_its_session() {
    let closed = || reply("session_closed", r#","sequence":SEQUENCE"#);
    let line = "send @a.txt @b.txt --close";
    for (second, asked) in [
        (vec![resumed(3), closed()], vec!["connect", "disconnect"]),
        // The goodbye was heard after all, or the session has ended by itself.
        (
            vec![reply("session_closed", &format!(r#","sequence":3,"replayed":true{}"#, session(4, "")))],
            vec!["connect"],
        ),
        (vec![gone("expired")], vec!["connect"]),
    ] {
        let world = World::new();
        let heard = Heard::default();
        let first = vec![created(), stored(), stored(), Act::Silence];
        let address = serve_heard(vec![first, second], heard.clone()).await;
        world.killed_at(&["disconnect"], line, &address, &heard).await;
        let (exit, captured) = world.run(line, &address).await;
        let errors = captured.errors_text();
        assert_eq!(exit, 0, "{errors}");
        assert_eq!(actions(&heard)[4..], asked, "{errors}");
        assert!(errors.contains("0 files stored, 0 B in "), "{errors}");
        assert!(errors.contains("; 2 files already stored"), "{errors}");
        assert_eq!(world.journals(), 0, "{errors}");
        assert!(world.run("status", &address).await.0 != 0, "the session is not remembered any more");
    }
}

#[tokio::test]
async fn a_file_named_twice_is_stored_twice_and_not_three_times() {
    let world = World::new();
    let heard = Heard::default();
    let first = vec![created(), stored(), Act::Silence];
    let second = vec![resumed(3), reply("stored", &(STORED.to_owned() + r#","replayed":true"#))];
    let address = serve_heard(vec![first, second], heard.clone()).await;
    world.killed_at(&TWO_FILES, "send @a.txt @a.txt", &address, &heard).await;
    let (exit, captured) = world.run("send @a.txt @a.txt", &address).await;
    assert_eq!(exit, 0, "{}", captured.errors_text());
    assert_eq!(field(&heard, "transfer", "/session/sequence"), [1, 2, 2]);
    assert_eq!(world.journals(), 0);
}

#[tokio::test]
async fn a_stored_file_that_was_changed_since_is_sent_again() {
    let world = World::new();
    let heard = Heard::default();
    let first = vec![created(), stored(), Act::Silence];
    let address = serve_heard(vec![first, vec![resumed(2), stored(), stored()]], heard.clone()).await;
    world.killed_at(&TWO_FILES, "send @a.txt @b.txt", &address, &heard).await;
    std::fs::write(world.path("a.txt"), "other").unwrap();
    let (exit, captured) = world.run("send @a.txt @b.txt", &address).await;
    assert_eq!(exit, 0, "{}", captured.errors_text());
    assert_eq!(field(&heard, "transfer", "/name"), ["a.txt", "b.txt", "b.txt", "a.txt"]);
}

#[tokio::test]
async fn a_command_that_came_to_its_end_sends_everything_again() {
    for (exit, last) in [(0, stored()), (9, error("bad_name"))] {
        let world = World::new();
        let heard = Heard::default();
        let run = vec![created(), stored(), last];
        let address = serve_heard(vec![run.clone(), run], heard.clone()).await;
        for _ in 0..2 {
            assert_eq!(world.run("send @a.txt @b.txt", &address).await.0, exit);
            assert_eq!(world.journals(), 0);
        }
        assert_eq!(field(&heard, "transfer", "/name"), ["a.txt", "b.txt", "a.txt", "b.txt"]);
    }
}

#[tokio::test]
async fn a_run_that_gave_up_leaves_what_it_stored_to_the_next_one() {
    let world = World::new();
    let heard = Heard::default();
    // It is lost in the middle, then before anything was asked.
    let scripts = vec![vec![created(), stored(), Act::Hang], vec![Act::Hang], vec![resumed(2), stored()]];
    let address = serve_heard(scripts, heard.clone()).await;
    assert_eq!(world.run("send @a.txt @b.txt --retries 0", &address).await.0, 9);
    assert_eq!(world.run("send @a.txt @b.txt --retries 0", &address).await.0, 9);
    let (exit, captured) = world.run("send @a.txt @b.txt --retries 5", &address).await;
    assert_eq!(exit, 0, "{}", captured.errors_text());
    assert_eq!(field(&heard, "transfer", "/name"), ["a.txt", "b.txt", "b.txt"]);
}

#[tokio::test]
async fn a_file_that_was_refused_is_not_gone_on_with() {
    let world = World::new();
    assert_eq!(world.exit("send @a.txt", vec![vec![created(), error("bad_name")]]).await, 6);
    assert_eq!(world.journals(), 0);
}

#[tokio::test]
async fn remembered_sessions_are_shown_and_forgotten_with_what_is_under_way_in_them() {
    for which in [&ID[..6], "last", "--all"] {
        let world = World::new();
        let heard = Heard::default();
        let address = serve_heard(vec![vec![created(), Act::Silence]], heard.clone()).await;
        world.killed("send @a.txt", &address, &heard).await;
        let (exit, captured) = world.run("sessions ls", &address).await;
        assert_eq!((exit, captured.output_text()), (0, format!("{ID}  {address}  next sequence 1\n")));
        let (_, captured) = world.run("sessions ls --json", &address).await;
        let json = format!(r#"{{"event":"remembered","server":"{address}","session":"{ID}","next_sequence":1}}"#);
        assert_eq!(captured.output_text().trim(), json);
        assert!(!captured.output_text().contains(TOKEN));
        assert_eq!(world.run("sessions forget 77", &address).await.0, 8);
        assert_eq!(world.run(&format!("sessions forget {which}"), &address).await.0, 0);
        assert_eq!(world.run("sessions ls", &address).await.1.output_text(), "");
        assert_eq!(world.journals(), 0, "{which}");
    }
    // What was stored is forgotten with all the rest.
    let world = World::new();
    let heard = Heard::default();
    let address = serve_heard(vec![vec![created(), stored(), Act::Silence]], heard.clone()).await;
    world.killed_at(&TWO_FILES, "send @a.txt @b.txt", &address, &heard).await;
    assert_eq!(world.run("sessions forget --all", &address).await.0, 0);
    assert_eq!(world.journals(), 0);
    assert_eq!(World::new().exit("sessions forget --all", vec![]).await, 0);
}

/// What each `connect` brought behind its header.
pub(super) fn tickets(heard: &Heard) -> Vec<String> {
    let heard = heard.lock().unwrap();
    let connects = heard.iter().filter(|(header, _)| header["session"]["action"] == "connect");
    connects.map(|(_, ticket)| String::from_utf8(ticket.clone()).unwrap()).collect()
}

#[tokio::test]
async fn a_lost_connection_and_a_killed_client_go_on_with_the_newest_ticket() {
    let world = World::new();
    let heard = Heard::default();
    let scripts = vec![
        vec![with_ticket("session_created", 1, "one", ""), with_ticket("stored", 2, "two", STORED), Act::Hang],
        vec![with_ticket("session_resumed", 2, "three", ""), Act::Silence],
        vec![with_ticket("session_resumed", 2, "four", ""), with_ticket("stored", 3, "five", STORED)],
        vec![with_ticket("session_resumed", 3, "six", "")],
    ];
    let address = serve_heard(scripts, heard.clone()).await;
    let (console, _) = Console::captured("");
    let args =
        ["client".to_owned(), "send".into(), world.path("a.txt"), world.path("b.txt"), format!("--to={address}")];
    let run = Box::pin(crate::run(args, world.environment(), console));
    let until = async {
        while actions(&heard) != ["connect", "transfer", "transfer", "connect", "transfer"] {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        exit = run => panic!("it ended by itself: {exit:?}"),
        () = until => {}
    }
    let (exit, captured) = world.run("send @b.txt", &address).await;
    assert_eq!(exit, 0, "{}", captured.errors_text());
    world.run("list", &address).await;
    assert_eq!(tickets(&heard), ["", "two", "three", "five"]);
}

#[tokio::test]
async fn a_ticket_another_run_was_given_later_is_newer_than_the_one_left() {
    let world = World::new();
    let heard = Heard::default();
    let scripts = vec![
        vec![with_ticket("session_created", 1, "one", ""), Act::Silence],
        vec![with_ticket("session_resumed", 1, "two", ""), with_ticket("stored", 2, "three", STORED)],
        vec![with_ticket("session_resumed", 2, "four", ""), error("sequence_reused")],
    ];
    let address = serve_heard(scripts, heard.clone()).await;
    world.killed("send @a.txt", &address, &heard).await;
    let (exit, captured) = world.run("send @b.txt --session last", &address).await;
    assert_eq!(exit, 0, "{}", captured.errors_text());
    world.run("send @a.txt", &address).await;
    assert_eq!(tickets(&heard), ["", "one", "three"]);
}
