//! A fetched file over connections that are lost. However it is cut, what appears is whole and right, or nothing does.

use super::asking::asks;
use super::killed::{actions, field};
use super::*;

const WHOLE: &str = "hello, world";

/// A frame with the file from `offset` on, of which only so many bytes come.
fn part(whole: &str, offset: usize, comes: usize, stated: &str) -> Act {
    let rest = &whole[offset..];
    let header = format!(
        r#"{{"version":"2.0","status":"file","mime_type":"text/plain","size":{},"file":{{"stored_as":"session_{ID}/file_1_9.txt","size":{}{stated}}},"trailer":"blake3"}}"#,
        rest.len(),
        whole.len()
    );
    let trailer = format!("{{\"digest\":\"{}\"}}\n", digest_of(rest));
    let all = rest.to_owned() + &trailer;
    Act::Answer(header + "\n" + &all[..comes.min(all.len())])
}

const ALL: usize = usize::MAX;

/// What the server says of the whole file.
fn digest(whole: &str) -> String {
    format!(r#","digest":"{}""#, digest_of(whole))
}

/// What came of fetching over these connections: the exit code, what is there, and where each frame was to begin.
async fn fetches(words: &str, parts: Vec<Act>) -> (u8, Option<String>, Vec<serde_json::Value>, String) {
    let world = World::new();
    std::fs::create_dir(world.path("out")).unwrap();
    let scripts = parts.into_iter().map(|part| vec![resumed(2), part]).collect();
    let line = format!("fetch session_{ID}/file_1_9.txt --json {words}");
    let (exit, captured, heard) = asks(&world, &line, scripts).await;
    let there = std::fs::read_to_string(world.path("out/file_1_9.txt")).ok();
    let entries = std::fs::read_dir(world.path("out")).unwrap().count();
    assert_eq!(entries, usize::from(there.is_some()), "nothing but the file stays");
    (exit, there, field(&heard, "fetch", "/offset"), captured.output_text() + &captured.errors_text())
}

#[tokio::test]
async fn a_fetch_goes_on_behind_what_has_come() {
    let from_start = serde_json::Value::Null;
    for (comes, offsets) in [
        (vec![0, ALL], vec![from_start.clone(), from_start.clone()]),
        (vec![5, 0, 3, ALL], vec![from_start.clone(), 5.into(), 5.into(), 8.into()]),
        // All of it came, and only its end is missing.
        (vec![12, ALL], vec![from_start.clone(), 12.into()]),
    ] {
        let mut offset = 0;
        let parts = comes.iter().map(|comes| {
            let part = part(WHOLE, offset, *comes, &digest(WHOLE));
            offset += if *comes == ALL { 0 } else { *comes };
            part
        });
        let parts = parts.collect();
        let (exit, there, asked, said) = fetches("-o @out", parts).await;
        assert_eq!((exit, there.as_deref()), (0, Some(WHOLE)), "{comes:?} {said}");
        assert_eq!(asked, offsets, "{comes:?} {said}");
        let resumed = offsets.iter().filter(|offset| offset.is_number()).count();
        assert_eq!(said.matches(r#""event":"resumed""#).count(), resumed, "{said}");
        assert!(said.contains(&digest_of(WHOLE)), "{said}");
    }
}

#[tokio::test]
async fn a_fetch_begins_anew_where_nobody_could_tell_that_the_parts_are_one_file() {
    let parts = vec![part(WHOLE, 0, 5, ""), part(WHOLE, 0, 8, ""), part(WHOLE, 0, ALL, "")];
    let (exit, there, asked, said) = fetches("-o @out", parts).await;
    assert_eq!((exit, there.as_deref()), (0, Some(WHOLE)), "{said}");
    assert!(asked.iter().all(serde_json::Value::is_null), "{asked:?}");
    // What is given away cannot be taken back.
    let parts = vec![part(WHOLE, 0, 5, ""), part(WHOLE, 0, ALL, "")];
    let (exit, _, asked, said) = fetches("-o -", parts).await;
    assert_eq!((exit, asked.len()), (4, 1), "{said}");
    let parts = vec![part(WHOLE, 0, 5, &digest(WHOLE)), part(WHOLE, 5, ALL, &digest(WHOLE))];
    let (exit, _, _, said) = fetches("-o -", parts).await;
    assert_eq!(exit, 0, "{said}");
    assert!(said.starts_with(WHOLE), "{said}");
}

#[tokio::test]
async fn parts_of_different_files_are_never_put_together() {
    let other = "HELLO, WORLD";
    for (exit, second) in [
        // Each part is right by itself.
        (5, part(other, 5, ALL, &digest(WHOLE))),
        (5, part(other, 5, ALL, "")),
        (1, part(other, 5, ALL, &digest(other))),
        (1, part("hello, world!", 5, ALL, &digest(WHOLE))),
        // The answer to another offset.
        (1, part(WHOLE, 4, ALL, &digest(WHOLE))),
        (1, part(WHOLE, 0, ALL, &digest(WHOLE))),
    ] {
        let (code, there, _, said) = fetches("-o @out", vec![part(WHOLE, 0, 5, &digest(WHOLE)), second]).await;
        assert_eq!((code, there), (exit, None), "{said}");
    }
}

#[tokio::test]
async fn a_fetch_ends_with_the_tries_and_what_came_begins_them_anew() {
    let cut = |offset, comes| part(WHOLE, offset, comes, &digest(WHOLE));
    // Two tries in a row that bring nothing.
    let (exit, there, asked, said) =
        fetches("-o @out --retries 1", vec![cut(0, 5), cut(5, 2), cut(7, 0), cut(7, ALL)]).await;
    assert_eq!((exit, there, asked.len()), (4, None, 3), "{said}");
    let (exit, there, asked, said) =
        fetches("-o @out --retries 1", vec![cut(0, 0), cut(0, 5), cut(5, 2), cut(7, 1), cut(8, ALL)]).await;
    assert_eq!((exit, there.as_deref(), asked.len()), (0, Some(WHOLE), 5), "{said}");
}

#[tokio::test]
async fn a_file_is_also_compared_with_a_digest_of_another_kind() {
    let sha256 = |bytes: &str| {
        let mut hasher = shared::digest::DigestKind::Sha256.hasher();
        hasher.update(bytes.as_bytes());
        format!(r#","digest":"{}""#, hasher.finish().to_wire())
    };
    for (exit, stated) in [(0, sha256(WHOLE)), (5, sha256("other"))] {
        let (code, there, _, said) = fetches("-o @out", vec![part(WHOLE, 0, ALL, &stated)]).await;
        assert_eq!((code, there.is_some()), (exit, exit == 0), "{said}");
    }
}

#[tokio::test]
async fn without_a_session_a_fetch_is_asked_again_too_and_a_lost_connection_is_no_unknown_file() {
    let world = World::new();
    let Act::Answer(whole) = part(WHOLE, 0, ALL, "") else { panic!() };
    let name = format!("session_{ID}/file_1_9.txt");
    let whole = || Act::Answer(whole.replace(&name, "received_1.txt"));
    let cut = || {
        let Act::Answer(whole) = whole() else { panic!() };
        Act::Answer(whole[..whole.len() - 120].to_owned())
    };
    let fetches = |count| vec!["fetch"; count];
    let joined = ["connect", "fetch"];
    for (asked, scripts) in [
        (fetches(3), vec![vec![Act::Hang], vec![cut()], vec![whole()]]),
        // Only the session knows it: the file is asked for in it from then on.
        (
            [&["fetch", "connect", "fetch"], &joined[..], &joined].concat(),
            vec![
                vec![error("file_unknown")],
                vec![Act::Hang],
                vec![error("file_unknown")],
                vec![resumed(2), cut()],
                vec![resumed(2), whole()],
            ],
        ),
    ] {
        let (exit, captured, heard) = asks(&world, "fetch received_1.txt -o @got --force", scripts).await;
        assert_eq!(exit, 0, "{}", captured.errors_text());
        assert_eq!(std::fs::read_to_string(world.path("got")).unwrap(), WHOLE);
        assert_eq!(actions(&heard), asked);
    }
}

#[tokio::test]
async fn a_server_that_is_gone_is_not_waited_for_once_a_file() {
    let (exit, captured, _) = asks(&World::new(), "fetch x y z --json --retries 2", vec![vec![Act::Hang]]).await;
    let output = captured.output_text();
    assert_eq!(exit, 4, "{output}");
    assert_eq!(output.matches(r#""event":"waiting""#).count(), 2, "{output}");
    assert_eq!(output.matches(r#""event":"failed""#).count(), 3, "{output}");
}
