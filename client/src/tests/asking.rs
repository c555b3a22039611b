//! Commands that only ask, over connections that are lost.

use super::killed::{actions, field};
use super::*;

/// What is lost before an answer comes, in every way there is.
fn lost() -> Vec<Vec<Act>> {
    let busy = r#","closing":true,"error":{"code":"busy","retry":"later","message":"busy","retry_after_ms":1000}"#;
    vec![
        vec![Act::Hang],
        vec![resumed(2), Act::Hang],
        vec![reply("error", busy)],
        vec![resumed(2), reply("error", busy)],
    ]
}

/// Stores a file in a session, then runs the command over these connections.
pub(super) async fn asks(world: &World, command: &str, scripts: Vec<Vec<Act>>) -> (u8, Captured, Heard) {
    let heard = Heard::default();
    let first = vec![created(), stored()];
    let address = serve_heard([vec![first], scripts].concat(), heard.clone()).await;
    assert_eq!(world.run("send @a.txt", &address).await.0, 0);
    heard.lock().unwrap().clear();
    let (exit, captured) = world.run(command, &address).await;
    (exit, captured, heard)
}

fn page(sequence: u64, next: &str) -> Act {
    let entry = format!(r#"{{"stored_as":"session_x/file_{sequence}_9.txt","sequence":{sequence},"size":3}}"#) + "\n";
    let header = line("files", next).replace("\"size\":0", &format!("\"size\":{}", entry.len()));
    Act::Answer(header + &entry)
}

fn status() -> Act {
    reply("session_status", &session(2, ""))
}

#[tokio::test]
async fn a_status_is_asked_for_over_as_many_connections_as_it_takes() {
    let (exit, captured, heard) =
        asks(&World::new(), "status --json", [lost(), vec![vec![resumed(2), status()]]].concat()).await;
    let output = captured.output_text();
    assert_eq!(exit, 0, "{}", captured.errors_text());
    assert_eq!(output.matches(r#""event":"waiting""#).count(), 4, "{output}");
    assert_eq!(output.matches(r#""event":"status""#).count(), 1, "{output}");
    assert_eq!(actions(&heard).last().unwrap(), "status");
}

#[tokio::test]
async fn a_list_goes_on_with_the_page_that_was_lost() {
    let next = |next: u64| format!(r#","next_offset":{next}"#);
    let Act::Answer(cut) = page(7, "") else { panic!() };
    let scripts = vec![
        vec![resumed(2), page(1, &next(5)), Act::Answer(cut[..cut.len() - 1].to_owned())],
        vec![Act::Hang],
        vec![resumed(2), page(7, &next(9)), page(9, "")],
    ];
    let (exit, captured, heard) = asks(&World::new(), "list --quiet", scripts).await;
    assert_eq!(exit, 0, "{}", captured.errors_text());
    let listed = [1, 7, 9].map(|sequence| format!("session_x/file_{sequence}_9.txt\n")).concat();
    assert_eq!(captured.output_text(), listed);
    assert_eq!(field(&heard, "list", "/offset"), [1, 5, 5, 9]);
}

#[tokio::test]
async fn a_list_stays_in_its_session_when_another_one_is_the_last_by_then() {
    let world = World::new();
    let other = "02020202-0202-4202-8202-020202020202";
    let Act::Answer(second) = created() else { panic!() };
    let scripts = vec![vec![resumed(2), page(1, r#","next_offset":5"#), Act::Silence], vec![resumed(2), page(5, "")]];
    let heard = Heard::default();
    let address = serve_heard([vec![vec![created(), stored()]], scripts].concat(), heard.clone()).await;
    assert_eq!(world.run("send @a.txt", &address).await.0, 0);
    let beside = async {
        while actions(&heard).len() < 5 {
            tokio::task::yield_now().await;
        }
        let there = serve(vec![vec![Act::Answer(second.replace(ID, other)), stored()]]).await;
        // The same server, as far as what is remembered can tell.
        assert_eq!(world.run("send @b.txt", &there).await.0, 0);
        let path = world.path("state/dft/session.json");
        std::fs::write(&path, std::fs::read_to_string(&path).unwrap().replace(&there, &address)).unwrap();
    };
    let ((exit, captured), ()) = tokio::join!(world.run("list --quiet --timeout 1", &address), beside);
    assert_eq!(exit, 0, "{}", captured.errors_text());
    assert_eq!(field(&heard, "connect", "/session/id")[1..], [ID, ID]);
}

#[tokio::test]
async fn asking_ends_with_the_tries() {
    for command in ["status", "list"] {
        for (retries, connections) in [(0, 1), (2, 3)] {
            let (exit, captured, heard) =
                asks(&World::new(), &format!("{command} --retries {retries}"), vec![vec![Act::Hang]; 4]).await;
            assert_eq!(exit, 4, "{}", captured.errors_text());
            assert_eq!(actions(&heard).len(), connections, "{command}");
        }
    }
    // What cannot pass is not waited for.
    let (exit, _, heard) = asks(&World::new(), "list", vec![vec![resumed(2), error("bad_field")]; 2]).await;
    assert_eq!((exit, actions(&heard).len()), (6, 2));
}

#[tokio::test]
async fn a_server_that_was_never_reached_is_asked_again_only_if_the_user_says_so() {
    let world = World::new();
    assert_eq!(asks(&world, "ping", vec![]).await.0, 4);
    let path = world.path("state/dft/session.json");
    let remembered = std::fs::read_to_string(&path).unwrap();
    let server = remembered.split('"').find(|word| word.starts_with("127.0.0.1:")).unwrap();
    std::fs::write(&path, remembered.replace(server, "127.0.0.1:1")).unwrap();
    for (words, waits) in [("", 0), (" --retries 3", 3)] {
        let (exit, captured) = world.run(&format!("list --json{words}"), "127.0.0.1:1").await;
        assert_eq!(exit, 4);
        assert_eq!(captured.output_text().matches(r#""event":"waiting""#).count(), waits, "{words}");
    }
}
