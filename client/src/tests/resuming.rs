//! Connections that end, and what a client does about it.

use super::*;

const BIG: usize = 6 * 1024 * 1024;
/// What the scripted server has of the big file.
pub(super) const THERE: usize = 2_500_000;

pub(super) fn big() -> Vec<u8> {
    (0..BIG).map(|index| u8::try_from(index % 251).unwrap()).collect()
}

pub(super) fn digest(bytes: &[u8]) -> String {
    let mut hasher = shared::digest::DigestKind::Blake3.hasher();
    hasher.update(bytes);
    hasher.finish().to_wire()
}

pub(super) fn cut() -> Act {
    Act::Midway(String::new())
}

/// What is there of the first file of a session.
pub(super) fn partial(sequence: &str, prefix: &[u8]) -> String {
    format!(r#","partial":{{{sequence}"offset":{THERE},"prefix_digest":"{}"}}"#, digest(prefix))
}

fn whole(sequence: &str) -> Act {
    let file = format!(r#","file":{{"stored_as":"x","size":{BIG},"digest":"{}"}},"ack":"durable""#, digest(&big()));
    reply("stored", &(sequence.to_owned() + &file))
}

/// The transfers among what a server heard: their offset, size and payload.
fn transfers(heard: &Heard) -> Vec<(usize, usize, usize)> {
    let number = |value: &serde_json::Value| usize::try_from(value.as_u64().unwrap_or_default()).unwrap();
    let heard = heard.lock().unwrap();
    let transfers = heard.iter().filter(|(header, _)| header["session"]["action"] == "transfer");
    transfers.map(|(header, payload)| (number(&header["offset"]), number(&header["size"]), payload.len())).collect()
}

pub(super) fn events(captured: &Captured, kind: &str) -> Vec<serde_json::Value> {
    let lines = captured.output_text();
    let events = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    events.filter(|event| event["event"] == kind).collect()
}

#[tokio::test]
async fn a_cut_upload_goes_on_behind_what_the_server_has_of_it() {
    let there = |sequence: &str| partial(sequence, &big()[..THERE]);
    for (mode, first, second) in [
        (
            "stateful",
            vec![created(), cut()],
            vec![
                reply("session_resumed", &(session(1, "") + &there(r#""sequence":1,"#))),
                reply("session_status", &(session(1, "") + &there(r#""sequence":1,"#))),
                whole(r#","sequence":1"#),
            ],
        ),
        ("stateless", vec![cut()], vec![reply("session_status", &there("")), whole("")]),
    ] {
        for format in ["--json", "--format=human"] {
            let world = World::new();
            std::fs::write(world.path("big"), big()).unwrap();
            let heard = Heard::default();
            let address = serve_heard(vec![first.clone(), second.clone()], heard.clone()).await;
            let (exit, captured) = world.run(&format!("send @big --mode {mode} {format}"), &address).await;
            assert_eq!(exit, 0, "{}", captured.errors_text());
            let rest = BIG - THERE;
            let last = transfers(&heard).pop();
            assert_eq!(last, Some((THERE, rest, rest)), "{mode}");
            if format == "--json" {
                let resumed = events(&captured, "resumed");
                assert_eq!(resumed.len(), 1);
                assert_eq!(resumed[0]["offset"], THERE);
                assert_eq!(events(&captured, "waiting").len(), 1);
            } else {
                let errors = captured.errors_text();
                let place = if mode == "stateful" { format!(", session {ID}, expires in 5 m") } else { String::new() };
                assert!(errors.contains(&format!("resuming {} at 39 %{place}", world.path("big"))), "{errors}");
            }
        }
    }
}

#[tokio::test]
async fn a_source_that_changed_starts_over() {
    let world = World::new();
    std::fs::write(world.path("big"), big()).unwrap();
    let there = partial(r#""sequence":1,"#, b"other bytes");
    let second = vec![
        reply("session_resumed", &(session(1, "") + &there)),
        reply("session_status", &(session(1, "") + &there)),
        whole(r#","sequence":1"#),
    ];
    let heard = Heard::default();
    let address = serve_heard(vec![vec![created(), cut()], second], heard.clone()).await;
    let (exit, captured) = world.run("send @big --json", &address).await;
    assert_eq!(exit, 0, "{}", captured.errors_text());
    assert_eq!(transfers(&heard).pop(), Some((0, BIG, BIG)));
    assert!(events(&captured, "resumed").is_empty());
}

#[tokio::test]
async fn an_offset_that_leads_to_nothing_is_given_up_once() {
    for code in ["bad_offset", "digest_mismatch"] {
        let world = World::new();
        std::fs::write(world.path("big"), big()).unwrap();
        let there = partial("", &big()[..THERE]);
        let second = vec![reply("session_status", &there), error(code), whole("")];
        let heard = Heard::default();
        let address = serve_heard(vec![vec![cut()], second], heard.clone()).await;
        let (exit, captured) = world.run("send @big --mode stateless", &address).await;
        assert_eq!(exit, 0, "{code}: {}", captured.errors_text());
        let offsets: Vec<usize> = transfers(&heard).into_iter().map(|(offset, ..)| offset).collect();
        assert_eq!(offsets, [0, THERE, 0], "{code}");
    }
}

#[tokio::test]
async fn a_lost_connection_is_opened_again_until_the_bounds_are_reached() {
    let lost = || vec![Act::Hang];
    // As often as the server is there at all; then as often as the bound says.
    let scripts = vec![vec![created(), Act::Hang], lost(), lost(), lost(), vec![resumed(1), stored()]];
    let (exit, captured) = World::new().run("send @a.txt --json", &serve(scripts).await).await;
    assert_eq!(exit, 0, "{}", captured.errors_text());
    let waits: Vec<_> = events(&captured, "waiting").iter().map(|event| event["wait_ms"].as_u64().unwrap()).collect();
    assert_eq!(waits, [500, 1000, 2000, 4000]);
    for (flags, tries) in [("", 8), ("--retries 0", 0), ("--retries 3", 3), ("--timeout 3", 3)] {
        let line = format!("send @a.txt --json {flags}");
        let (exit, captured) = World::new().run(line.trim(), &serve(vec![vec![created(), Act::Hang]]).await).await;
        assert_eq!((exit, events(&captured, "waiting").len()), (4, tries), "{flags}");
        let failed = events(&captured, "failed");
        assert!(failed[0]["error"].as_str().unwrap().starts_with("whether it is stored is unknown"), "{failed:?}");
    }
}

#[tokio::test]
async fn progress_begins_the_count_anew() {
    let world = World::new();
    let names: Vec<String> = (0..6).map(|number| format!("f{number}")).collect();
    let mut scripts = vec![vec![created(), Act::Hang]];
    for (name, sequence) in names.iter().zip(1..) {
        std::fs::write(world.path(name), "x").unwrap();
        scripts.push(vec![resumed(sequence), stored(), Act::Hang]);
    }
    scripts.pop();
    scripts.push(vec![resumed(6), stored()]);
    let line =
        format!("send {} --retries 1", names.iter().map(|name| format!("@{name}")).collect::<Vec<_>>().join(" "));
    let (exit, captured) = world.run(&line, &serve(scripts).await).await;
    assert_eq!(exit, 0, "{}", captured.errors_text());
}

#[tokio::test]
async fn a_server_that_was_never_there_is_not_waited_for_unless_the_user_says_so() {
    for (flags, tries) in [("", 0), ("--retries 2", 2)] {
        let line = format!("send @a.txt --json {flags}");
        let (exit, captured) = World::new().run(line.trim(), &serve(vec![]).await).await;
        assert_eq!((exit, events(&captured, "waiting").len()), (4, tries), "{flags}");
    }
}

#[tokio::test]
async fn a_refusal_that_will_pass_is_waited_out_as_the_server_says() {
    let busy = r#","closing":true,"error":{"code":"busy","retry":"later","message":"busy","retry_after_ms":7000}"#;
    let scripts = vec![vec![reply("error", busy)], vec![created(), stored()]];
    let (exit, captured) = World::new().run("send @a.txt --json", &serve(scripts).await).await;
    assert_eq!(exit, 0, "{}", captured.errors_text());
    assert_eq!(events(&captured, "waiting")[0]["wait_ms"], 7500);
}

#[tokio::test]
async fn a_session_taken_over_or_ended_on_purpose_is_not_fought_for() {
    for (act, words) in [
        (error("session_moved"), "another client went on with this session"),
        (gone("replaced"), "another session was begun"),
    ] {
        let (exit, captured) = World::new().run("send @a.txt", &serve(vec![vec![created(), act]]).await).await;
        assert_eq!(exit, 8);
        assert!(captured.errors_text().contains(words), "{}", captured.errors_text());
        assert!(!captured.errors_text().contains("trying again"), "{}", captured.errors_text());
    }
}

#[tokio::test]
async fn a_session_that_is_gone_makes_place_for_another_one() {
    let world = World::new();
    let scripts = vec![vec![created(), gone("expired")], vec![created(), stored()]];
    let (exit, captured) = world.run("send @a.txt --json", &serve(scripts).await).await;
    assert_eq!(exit, 0, "{}", captured.errors_text());
    assert_eq!(events(&captured, "gone").len(), 1);
}
