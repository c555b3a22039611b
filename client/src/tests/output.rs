//! What the program says, and where.

use super::*;

#[tokio::test]
async fn a_quiet_client_still_says_that_it_goes_on_stateless() {
    let world = World::new();
    let address = serve(vec![vec![error("mode_disabled"), stored_stateless()]]).await;
    let (exit, captured) = world.run("send @a.txt -q", &address).await;
    assert_eq!((exit, captured.output_text().as_str()), (0, "received_1.txt\n"));
    assert!(captured.errors_text().starts_with("warning: going on stateless"), "{}", captured.errors_text());
}

#[tokio::test]
async fn a_quiet_client_says_of_each_thing_only_its_name() {
    let entry = r#"{"stored_as":"session_x/file_1_9.txt","sequence":1,"size":3,"name":"a.txt"}"#;
    let page = line("files", "").replace("\"size\":0", &format!("\"size\":{}", entry.len() + 1));
    let (exit, captured) = after_send(&World::new(), "list -q", vec![Act::Answer(format!("{page}{entry}\n"))]).await;
    assert_eq!((exit, captured.output_text().as_str()), (0, "session_x/file_1_9.txt\n"));
    let removed = reply("removed", r#","sequence":SEQUENCE"#);
    let (exit, captured) = after_send(&World::new(), "remove x -q", vec![removed]).await;
    assert_eq!((exit, captured.output_text().as_str()), (0, "x\n"));
}

#[tokio::test]
async fn a_file_on_standard_output_is_alone_there() {
    let stored_as = format!("session_{ID}/file_1_9.txt");
    for format in ["--json", "-q", "--format=human"] {
        let act = file("hello", &digest_of("hello"));
        let (exit, captured) = after_send(&World::new(), &format!("fetch {stored_as} -o - {format}"), vec![act]).await;
        assert_eq!((exit, captured.output_text().as_str()), (0, "hello"), "{format}");
        assert_eq!(captured.errors_text().contains("\"event\":\"fetched\""), format == "--json");
    }
}

#[tokio::test]
async fn a_stored_name_with_control_characters_is_no_name() {
    let evil = r#","file":{"stored_as":"x\u001b[2J","size":SIZE,"digest":"DIGEST"},"ack":"durable""#;
    assert_eq!(World::new().exit("send @a.txt --mode stateless", vec![vec![reply("stored", evil)]]).await, 1);
}

/// A stream that takes nothing.
struct Failing(std::io::ErrorKind);

impl std::io::Write for Failing {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(self.0.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Err(self.0.into())
    }
}

#[tokio::test]
async fn lost_output_is_an_error_where_output_is_what_was_asked_for() {
    use std::io::ErrorKind;
    for (line, kind, expected) in [
        ("status", ErrorKind::StorageFull, 3),
        ("status", ErrorKind::BrokenPipe, 0),
        ("remove x", ErrorKind::StorageFull, 0),
        ("remove x --json", ErrorKind::StorageFull, 3),
    ] {
        let world = World::new();
        let act = if line == "status" {
            reply("session_status", &session(2, ""))
        } else {
            reply("removed", r#","sequence":SEQUENCE"#)
        };
        let address = serve(vec![vec![created(), stored()], vec![resumed(2), act]]).await;
        assert_eq!(world.run("send @a.txt", &address).await.0, 0);
        let (console, captured) = Console::captured("");
        let console = Console { output: Box::new(Failing(kind)), ..console };
        let args = format!("client {line} --to {address}");
        let exit = crate::run(args.split(' '), world.environment(), console).await;
        assert_eq!(exit.code(), expected, "{line} {kind}: {}", captured.errors_text());
    }
}

#[cfg(unix)]
#[tokio::test]
async fn what_a_folder_holds_and_is_not_sent_is_an_event() {
    assert!(crate::event::KINDS.iter().any(|(kind, _)| *kind == "skipped"), "it stands in the help");
    for format in ["--json", "-q", "--format=human"] {
        let world = World::new();
        std::fs::create_dir(world.path("tree")).unwrap();
        std::os::unix::fs::symlink(world.path("a.txt"), world.path("tree/link")).unwrap();
        let socket = std::os::unix::net::UnixListener::bind(world.path("tree/socket")).unwrap();
        let (exit, captured) = world.run(&format!("send @tree {format}"), "127.0.0.1:1").await;
        drop(socket);
        let (output, errors) = (captured.output_text(), captured.errors_text());
        assert_eq!(exit, 0, "{errors}");
        let mut events = Vec::new();
        for (name, why) in
            [("link", "a symbolic link inside a folder is not followed"), ("socket", "not a regular file")]
        {
            let path = world.path(&format!("tree/{name}"));
            assert_eq!(errors.matches(&format!("warning: {path} skipped: {why}\n")).count(), 1, "{format}: {errors}");
            events.push(serde_json::json!({ "event": "skipped", "path": path, "why": why }));
        }
        if format == "--json" {
            let told: Vec<serde_json::Value> = output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            assert_eq!(told.get(..2), Some(&events[..]), "{output}");
        } else {
            assert!(!output.contains("skipped"), "{output}");
        }
    }
}
