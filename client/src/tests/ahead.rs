//! Several files under way in one session, and what a server and a network can do to them then.

use super::killed::{actions, field, tickets};
use super::resuming::{digest, events};
use super::*;

impl World {
    /// So many files, each with its own name and the same three bytes; their names as arguments.
    fn files(&self, count: usize) -> String {
        let names: Vec<String> = (1..=count).map(|number| format!("f{number:02}")).collect();
        for name in &names {
            std::fs::write(self.path(name), "abc").unwrap();
        }
        names.iter().map(|name| format!("@{name}")).collect::<Vec<_>>().join(" ")
    }
}

fn gap(expected: u64) -> Act {
    let body = r#","error":{"code":"sequence_gap","retry":"same","message":"no","expected_sequence":EXPECTED}"#;
    reply("error", &body.replace("EXPECTED", &expected.to_string()))
}

/// The stored answer once more, to a request whose payload is not looked at.
fn replayed() -> Act {
    let file = format!(r#""file":{{"stored_as":"x","size":3,"digest":"{}"}}"#, digest(b"abc"));
    Act::Early(line("stored", &format!(r#","sequence":SEQUENCE,"replayed":true,"ack":"durable",{file}"#)))
}

fn status(next: u64) -> Act {
    reply("session_status", &session(next, ""))
}

fn sequences(heard: &Heard) -> Vec<u64> {
    field(heard, "transfer", "/session/sequence").iter().map(|sequence| sequence.as_u64().unwrap()).collect()
}

#[tokio::test]
async fn as_many_files_are_under_way_as_the_protocol_allows_and_told_of_in_their_order() {
    let world = World::new();
    let line = format!("send {} --json", world.files(40));
    // It does not answer before it has heard as many as a client may have unanswered; then again with the rest.
    let script = [vec![created()], vec![later(stored()); 31], vec![stored()], vec![later(stored()); 7], vec![stored()]];
    let heard = Heard::default();
    let (exit, captured) = world.run(&line, &serve_heard(vec![script.concat()], heard.clone()).await).await;
    assert_eq!(exit, 0, "{}", captured.errors_text());
    let order: Vec<u64> = (1..=40).collect();
    assert_eq!(sequences(&heard), order);
    let told: Vec<u64> = events(&captured, "stored").iter().map(|event| event["sequence"].as_u64().unwrap()).collect();
    assert_eq!(told, order);
    assert_eq!(world.journals(), 0);
}

#[tokio::test]
async fn a_refused_file_holds_up_those_behind_it_and_each_is_still_stored_once() {
    let world = World::new();
    let script = vec![created(), later(stored()), later(error("bad_name")), later(gap(2)), gap(2), stored(), stored()];
    let heard = Heard::default();
    let line = format!("send {} --json", world.files(4));
    let (exit, captured) = world.run(&line, &serve_heard(vec![script], heard.clone()).await).await;
    assert_eq!(exit, 9, "{}", captured.errors_text());
    assert_eq!(sequences(&heard), [1, 2, 3, 4, 2, 3]);
    assert_eq!(field(&heard, "transfer", "/name"), ["f01", "f02", "f03", "f04", "f03", "f04"]);
    let names: Vec<_> = events(&captured, "stored").iter().map(|event| event["name"].clone()).collect();
    assert_eq!(names, ["f01", "f03", "f04"]);
    assert_eq!(events(&captured, "summary")[0]["sent_again"], 6);
    assert_eq!(world.journals(), 0);
}

#[tokio::test]
async fn a_lost_connection_costs_no_file_its_number() {
    for (second, transfers) in [
        // All were stored, or two of them, or none.
        (vec![resumed(4), replayed(), replayed(), replayed()], [1, 2, 3, 1, 2, 3]),
        (vec![resumed(3), replayed(), replayed(), status(3), stored()], [1, 2, 3, 1, 2, 3]),
        (vec![resumed(1), stored(), stored(), stored()], [1, 2, 3, 1, 2, 3]),
    ] {
        let world = World::new();
        let heard = Heard::default();
        let scripts = vec![vec![created(), later(stored()), later(stored()), Act::Hang], second];
        let address = serve_heard(scripts, heard.clone()).await;
        let (exit, captured) = world.run(&format!("send {}", world.files(3)), &address).await;
        assert_eq!(exit, 0, "{}", captured.errors_text());
        assert_eq!(sequences(&heard), transfers);
        assert_eq!(captured.errors_text().matches("trying again").count(), 1, "{}", captured.errors_text());
        assert_eq!(world.journals(), 0);
    }
}

#[tokio::test]
async fn what_the_server_said_before_it_closed_is_heard_although_a_large_file_was_being_sent() {
    let world = World::new();
    std::fs::write(world.path("big"), vec![7_u8; 1024 * 1024]).unwrap();
    let moved = r#","closing":true,"error":{"code":"session_moved","retry":"never","message":"moved"}"#;
    let scripts = vec![vec![created(), reply("error", moved)], vec![resumed(1)]];
    let heard = Heard::default();
    let address = serve_heard(scripts, heard.clone()).await;
    let (exit, captured) = world.run("send @a.txt @big", &address).await;
    assert_eq!(exit, 8, "{}", captured.errors_text());
    assert_eq!(actions(&heard).iter().filter(|action| *action == "connect").count(), 1, "it does not fight for it");
    assert!(captured.errors_text().contains("1 file not tried"), "{}", captured.errors_text());
}

#[tokio::test]
async fn a_killed_client_goes_on_with_every_file_that_was_under_way() {
    for (second, transfers) in [
        (vec![resumed(1), stored(), status(2), stored(), status(3), stored(), stored()], [1, 2, 3, 1, 2, 3, 4]),
        (vec![resumed(3), replayed(), replayed(), status(3), stored(), stored()], [1, 2, 3, 1, 2, 3, 4]),
    ] {
        let world = World::new();
        let heard = Heard::default();
        let first = vec![created(), later(stored()), later(stored()), Act::Silence];
        let address = serve_heard(vec![first, second], heard.clone()).await;
        let line = format!("send {}", world.files(3));
        world.killed_when(&line, &address, || sequences(&heard).len() == 3).await;
        let (exit, captured) = world.run(&format!("{line} @a.txt"), &address).await;
        assert_eq!(exit, 0, "{}", captured.errors_text());
        assert_eq!(sequences(&heard), transfers);
        assert_eq!(field(&heard, "transfer", "/name")[3..], ["f01", "f02", "f03", "a.txt"]);
        assert_eq!(world.journals(), 0);
    }
}

/// Its number is free again, and the session that the others are in is none that lost something.
#[tokio::test]
async fn files_behind_one_that_was_changed_since_move_up_in_their_session() {
    let world = World::new();
    let heard = Heard::default();
    let first = vec![created(), later(stored()), later(stored()), Act::Silence];
    let second = vec![resumed(1), stored(), stored(), stored()];
    let address = serve_heard(vec![first, second], heard.clone()).await;
    let line = format!("send {}", world.files(3));
    world.killed_when(&line, &address, || sequences(&heard).len() == 3).await;
    std::fs::write(world.path("f01"), "other").unwrap();
    let (exit, captured) = world.run(&line, &address).await;
    assert_eq!(exit, 0, "{}", captured.errors_text());
    assert_eq!(field(&heard, "transfer", "/name")[3..], ["f02", "f03", "f01"]);
    assert_eq!(sequences(&heard), [1, 2, 3, 1, 2, 3]);
    assert_eq!(field(&heard, "connect", "/session/id").len(), 2);
}

#[tokio::test]
async fn the_newest_ticket_answered_is_the_one_that_leads_back() {
    let world = World::new();
    let heard = Heard::default();
    let answer = STORED.replace("SEQUENCE", "1").replace("SIZE", "3").replace("DIGEST", &digest(b"abc"));
    let first = vec![
        with_ticket("session_created", 1, "one", ""),
        Act::Later(String::new()),
        Act::Later(String::new()),
        with_ticket("stored", 2, "two", &answer),
        Act::Silence,
    ];
    let second = vec![
        with_ticket("session_resumed", 2, "three", ""),
        with_ticket("stored", 3, "four", STORED),
        status(3),
        with_ticket("stored", 4, "five", STORED),
    ];
    let address = serve_heard(vec![first, second], heard.clone()).await;
    let line = format!("send {}", world.files(3));
    let remembered = || std::fs::read_to_string(world.path("state/dft/session.json")).unwrap_or_default();
    // The first is answered, and no other file is left to be written down with the ticket that brought.
    world.killed_when(&line, &address, || remembered().contains(r#""next_sequence": 2"#)).await;
    let (exit, captured) = world.run("send @f02 @f03", &address).await;
    assert_eq!(exit, 0, "{}", captured.errors_text());
    assert_eq!(tickets(&heard), ["", "two"]);
    assert_eq!(sequences(&heard), [1, 2, 3, 2, 3]);
}

/// A file that takes long waits until the answers in front of it are heard; what is told by then survives a kill.
#[tokio::test]
async fn only_a_small_file_goes_ahead_and_no_explained_frame_is_torn_apart_by_an_answer() {
    let (ahead, in_turn) = (["-> transfer #2", "<- stored #1"], ["<- stored #1", "-> transfer #2"]);
    for (bytes, middle) in [(1024 * 1024, ahead), (1024 * 1024 + 1, in_turn)] {
        let world = World::new();
        std::fs::write(world.path("big"), vec![7_u8; bytes]).unwrap();
        let address = serve(vec![vec![created(), stored(), stored()]]).await;
        let (exit, captured) = world.run("send @a.txt @big --explain", &address).await;
        let errors = captured.errors_text();
        assert_eq!(exit, 0, "{errors}");
        let titles: Vec<&str> = errors
            .lines()
            .filter(|line| ["->", "<-", "   trailer {"].iter().any(|title| line.starts_with(title)))
            .map(|line| line.split("  ").next().unwrap())
            .collect();
        assert_eq!(titles[..3], ["-> connect", "<- session_created", "-> transfer #1"], "{bytes}");
        assert_eq!(titles[3..5], middle, "{bytes}");
        assert_eq!(titles[5..], ["<- stored #2"], "{bytes}");
    }
}
