//! What a server can do to the sessions a client remembers.

use super::*;

/// The same answer with session data, which means nothing to a client.
fn with_data(act: Act) -> Act {
    let Act::Answer(text) = act else { return act };
    let (line, rest) = text.split_once('\n').unwrap();
    let line = line.strip_suffix('}').unwrap();
    let line = match line.strip_suffix('}').filter(|_| line.contains("\"session\":")) {
        Some(line) => format!("{line},\"data_size\":4}}}}"),
        None => format!("{line}{}", session(3, ",\"data_size\":4}")),
    };
    Act::Answer(format!("{line}\nDATA{rest}"))
}

#[tokio::test]
async fn session_data_in_any_reply_is_passed_over() {
    let world = World::new();
    let status = || with_data(reply("session_status", &session(2, "")));
    let scripts = vec![vec![with_data(created()), with_data(stored())], vec![with_data(resumed(2)), status()]];
    let address = serve(scripts).await;
    assert_eq!(world.run("send @a.txt", &address).await.0, 0);
    let (exit, captured) = world.run("status", &address).await;
    assert_eq!(exit, 0, "{}", captured.errors_text());
}

#[tokio::test]
async fn a_promise_that_was_asked_for_and_not_given_is_no_promise() {
    let silent = r#","file":{"stored_as":"x","size":SIZE,"digest":"DIGEST"}"#;
    let line = "send @a.txt --mode stateless --ack written";
    assert_eq!(World::new().exit(line, vec![vec![reply("stored", silent)]]).await, 1);
}

#[tokio::test]
async fn a_session_whose_counter_went_back_serves_no_command() {
    for command in ["remove x", "list", "status"] {
        let world = World::new();
        let address = serve(vec![vec![created(), stored()], vec![resumed(1)]]).await;
        assert_eq!(world.run("send @a.txt", &address).await.0, 0);
        assert_eq!(world.run(command, &address).await.0, 8, "{command}");
        // It is forgotten: the next command does not even ask.
        assert_eq!(world.run(command, "127.0.0.1:1").await.0, 8, "{command}");
    }
}

#[tokio::test]
async fn a_session_that_cannot_be_joined_does_not_hide_the_answer_given() {
    let world = World::new();
    let scripts = vec![vec![created(), stored()], vec![error("file_unknown")], vec![error("session_gone")]];
    let address = serve(scripts).await;
    assert_eq!(world.run("send @a.txt", &address).await.0, 0);
    assert_eq!(world.run("fetch received_1.txt", &address).await.0, 6);
}

fn closed() -> Act {
    reply("session_closed", r#","sequence":SEQUENCE"#)
}

#[tokio::test]
async fn a_lost_goodbye_is_said_again() {
    let heard = reply("session_closed", r#","sequence":2,"replayed":true"#);
    for second in [vec![heard], vec![error("session_gone")], vec![resumed(2), closed()]] {
        let world = World::new();
        let address = serve(vec![vec![created(), stored(), Act::Hang], second]).await;
        let (exit, captured) = world.run("send @a.txt --close --json", &address).await;
        assert_eq!(exit, 0, "{}", captured.errors_text());
        assert!(captured.output_text().contains(r#""event":"closed""#), "{}", captured.output_text());
        assert_eq!(world.run("list", &address).await.0, 8, "a closed session is not remembered");
    }
}

#[tokio::test]
async fn a_session_that_cannot_be_closed_is_no_file_that_failed() {
    for (expected, code, second) in [(4, "", vec![]), (4, "", vec![Act::Hang]), (7, "busy", vec![error("busy")])] {
        let world = World::new();
        let address = serve(vec![vec![created(), stored(), stored(), Act::Hang], second]).await;
        let (exit, captured) = world.run("send @a.txt @b.txt --close --json --retries 1", &address).await;
        let (output, errors) = (captured.output_text(), captured.errors_text());
        assert_eq!(exit, expected, "{errors}");
        assert!(errors.contains("2 files stored, but the session could not be closed: "), "{errors}");
        assert!(output.contains(r#""failed":0,"#), "{output}");
        assert!(code.is_empty() || output.contains(&format!(r#""code":"{code}""#)), "{output}");
    }
    for (expected, line, acts) in [
        (8, "send @a.txt --close", vec![created(), stored(), error("session_gone")]),
        // What failed before stays what the exit code tells.
        (9, "send @a.txt @missing --close", vec![created(), stored(), error("session_gone")]),
        (6, "send @a.txt --close", vec![created(), error("bad_name"), error("session_gone")]),
    ] {
        assert_eq!(World::new().exit(line, vec![acts]).await, expected, "{line}");
    }
}

#[tokio::test]
async fn a_lost_answer_to_remove_is_asked_for_under_the_same_sequence() {
    let removed = || reply("removed", r#","sequence":SEQUENCE,"replayed":true"#);
    for next in [2, 3] {
        let world = World::new();
        let third = vec![resumed(next), removed(), removed()];
        let address = serve(vec![vec![created(), stored()], vec![resumed(2), Act::Hang], third]).await;
        assert_eq!(world.run("send @a.txt", &address).await.0, 0);
        let (exit, captured) = world.run("remove x y", &address).await;
        assert_eq!(exit, 0, "{}", captured.errors_text());
        let removed: Vec<String> = captured.output_text().lines().map(str::to_owned).collect();
        assert_eq!(removed, ["removed x  stateful #2", "removed y  stateful #3"]);
    }
    for (expected, third) in [
        (4, vec![]),
        (4, vec![Act::Hang]),
        (4, vec![resumed(2), Act::Hang]),
        (8, vec![error("session_gone")]),
        (8, vec![resumed(1)]),
    ] {
        let world = World::new();
        let address = serve(vec![vec![created(), stored()], vec![resumed(2), Act::Hang], third]).await;
        assert_eq!(world.run("send @a.txt", &address).await.0, 0);
        let (exit, captured) = world.run("remove x y", &address).await;
        assert_eq!(exit, expected, "{}", captured.errors_text());
        assert!(captured.errors_text().contains("1 file not tried"), "{}", captured.errors_text());
    }
}

#[tokio::test]
async fn a_session_whose_goodbye_was_lost_for_good_is_gone_for_the_next_command() {
    for command in ["list", "send @b.txt --session last"] {
        let world = World::new();
        let closed = reply("session_closed", &format!(r#","sequence":2,"replayed":true{}"#, session(3, "")));
        let address = serve(vec![vec![created(), stored(), Act::Hang], vec![Act::Hang], vec![closed]]).await;
        assert_eq!(world.run("send @a.txt --close --retries 1", &address).await.0, 4);
        assert_eq!(world.run(command, &address).await.0, 8, "{command}");
        // It is forgotten: the next command does not even ask.
        assert_eq!(world.run("list", "127.0.0.1:1").await.0, 8, "{command}");
    }
}

#[tokio::test]
async fn a_session_that_cannot_be_remembered_is_told() {
    let world = World::new();
    let address = serve(vec![vec![created(), stored()]]).await;
    let (console, captured) = Console::captured("");
    let args = ["client".to_owned(), "send".into(), world.path("a.txt"), "--to".into(), address];
    let exit = crate::run(args, Environment::new::<String, String>([]), console).await;
    assert_eq!(exit.code(), 0);
    assert_eq!(captured.errors_text().matches("will not be remembered").count(), 1, "{}", captured.errors_text());
}

#[cfg(unix)]
#[tokio::test]
async fn an_access_key_goes_out_with_connect_and_the_user_hears_whom_it_disconnected() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::new();
    let key = world.path("key");
    std::fs::write(&key, "their-key\n").unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let opened = session(1, &format!(r#","token":"{TOKEN}""#)) + r#","replaced":true"#;
    let heard = Heard::default();
    let scripts = vec![vec![reply("session_created", &opened), stored()]];
    let address = serve_heard(scripts, heard.clone()).await;
    let (exit, captured) = world.run("send @a.txt --access-key-file @key --explain", &address).await;
    let errors = captured.errors_text();
    assert_eq!(exit, 0, "{errors}");
    assert_eq!(heard.lock().unwrap()[0].0["auth"], serde_json::json!({ "access_key": "their-key" }));
    assert!(errors.contains("another session with this access key was ended"), "{errors}");
    assert!(!errors.contains("their-key"), "{errors}");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(world.run("send @a.txt --access-key-file @key", "127.0.0.1:1").await.0, 3);
    assert_eq!(world.run("send @a.txt --access-key-file @key --mode stateless", "127.0.0.1:1").await.0, 2);
}

#[tokio::test]
async fn a_reply_of_a_server_without_sessions_says_from_what_it_degraded() {
    let Act::Answer(stored) = stored_stateless() else { panic!() };
    let degraded = Act::Answer(stored.replace(r#","ack""#, r#","degraded_from":"stateful","ack""#));
    for (format, words) in [("--format=human", "(degraded from stateful)"), ("--json", r#""degraded_from":"stateful""#)]
    {
        let address = serve(vec![vec![error("store_unavailable"), degraded.clone()]]).await;
        let (exit, captured) = World::new().run(&format!("send @a.txt {format}"), &address).await;
        assert_eq!(exit, 0, "{}", captured.errors_text());
        assert!(captured.output_text().contains(words), "{}", captured.output_text());
    }
}

#[tokio::test]
async fn a_file_sent_under_a_sequence_is_not_sent_without_when_the_store_is_gone() {
    let world = World::new();
    let unavailable = || error("store_unavailable");
    let heard = Heard::default();
    let degraded = vec![unavailable(), stored_stateless()];
    let scripts = vec![vec![created(), Act::Hang], vec![unavailable()], vec![unavailable()], degraded];
    let address = serve_heard(scripts, heard.clone()).await;
    let (exit, captured) = world.run("send @a.txt @b.txt - --retries 1", &address).await;
    assert_eq!(exit, 9, "{}", captured.errors_text());
    let heard = heard.lock().unwrap();
    let stateless = heard.iter().filter(|(header, _)| header["session"]["mode"] == "stateless");
    // What comes through the pipe is not sent ahead, so it had no number yet.
    assert_eq!(stateless.map(|(header, _)| header["size"].clone()).collect::<Vec<_>>(), [serde_json::Value::Null]);
}
