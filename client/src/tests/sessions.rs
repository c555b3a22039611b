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
