//! Servers that are behind what they had answered: nothing more is asked of such a session, by no later run either.

use super::killed::{actions, field};
use super::*;

const OTHER: &str = "02020202-0202-4202-8202-020202020202";

/// Another session than that of [`created`].
fn created_anew() -> Act {
    reply("session_created", &session(1, &format!(r#","token":"{TOKEN}""#)).replace(ID, OTHER))
}

/// In which sessions files were sent, and under which numbers.
fn places(heard: &Heard) -> Vec<(String, u64)> {
    let ids = field(heard, "transfer", "/session/id");
    let numbers = field(heard, "transfer", "/session/sequence");
    ids.iter().zip(&numbers).map(|(id, number)| (id.as_str().unwrap().to_owned(), number.as_u64().unwrap())).collect()
}

fn place(id: &str, number: u64) -> (String, u64) {
    (id.to_owned(), number)
}

#[tokio::test]
async fn a_later_run_sends_in_another_session_what_was_unknown_when_this_one_was_given_up() {
    let world = World::new();
    let heard = Heard::default();
    let scripts =
        vec![vec![created(), stored(), Act::Hang], vec![resumed(1)], vec![resumed(1)], vec![created_anew(), stored()]];
    let address = serve_heard(scripts, heard.clone()).await;
    assert_eq!(world.run("send @a.txt @b.txt", &address).await.0, 9);
    let (exit, captured) = world.run("send @a.txt @b.txt", &address).await;
    assert_eq!(exit, 0, "{}", captured.errors_text());
    assert_eq!(places(&heard), [place(ID, 1), place(ID, 2), place(OTHER, 1)]);
    assert_eq!(world.journals(), 0);
}

#[tokio::test]
async fn what_a_killed_run_was_answered_counts_for_the_next_one() {
    let world = World::new();
    let heard = Heard::default();
    let first = vec![created(), stored(), Act::Silence];
    let address = serve_heard(vec![first, vec![resumed(1)], vec![created_anew(), stored()]], heard.clone()).await;
    world.killed_at(&["transfer", "transfer"], "send @a.txt @b.txt", &address, &heard).await;
    let (exit, captured) = world.run("send @a.txt @b.txt", &address).await;
    assert_eq!(exit, 0, "{}", captured.errors_text());
    assert_eq!(places(&heard), [place(ID, 1), place(ID, 2), place(OTHER, 1)]);
}

#[tokio::test]
async fn a_session_that_is_behind_is_not_closed() {
    let world = World::new();
    let heard = Heard::default();
    let first = vec![created(), stored(), stored(), Act::Silence];
    let address = serve_heard(vec![first, vec![resumed(1)]], heard.clone()).await;
    world.killed_at(&["disconnect"], "send @a.txt @b.txt --close", &address, &heard).await;
    let (exit, captured) = world.run("send @a.txt @b.txt --close", &address).await;
    assert_eq!(exit, 8, "{}", captured.errors_text());
    assert_eq!(actions(&heard).last().unwrap(), "connect");
    assert!(world.run("status", &address).await.0 != 0, "it is not remembered any more");
}

#[tokio::test]
async fn a_session_that_the_user_named_is_not_gone_on_with_either() {
    let world = World::new();
    let heard = Heard::default();
    let line = "send @a.txt @b.txt --session last";
    let scripts = vec![vec![created(), stored()], vec![resumed(2), stored(), Act::Silence], vec![resumed(2)]];
    let address = serve_heard(scripts, heard.clone()).await;
    assert_eq!(world.run("send @empty", &address).await.0, 0);
    world.killed_at(&["transfer", "transfer"], line, &address, &heard).await;
    let (exit, captured) = world.run(line, &address).await;
    assert_eq!(exit, 9, "{}", captured.errors_text());
    assert_eq!(places(&heard), [place(ID, 1), place(ID, 2), place(ID, 3)]);
}
