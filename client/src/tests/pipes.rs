//! What cannot be sent twice, and connections that end at the wrong moment.

use std::sync::mpsc::{Receiver, channel};

use super::*;

/// A pipe that gives something, then is silent until it is told to go on or left alone, then gives the rest.
pub(super) struct Silent {
    pub(super) before: Vec<u8>,
    pub(super) heard: Receiver<()>,
    pub(super) after: Vec<u8>,
}

impl std::io::Read for Silent {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.before.is_empty() {
            let _ = self.heard.recv();
            self.before = std::mem::take(&mut self.after);
        }
        let count = self.before.len().min(into.len());
        into[..count].copy_from_slice(&self.before.drain(..count).collect::<Vec<_>>());
        Ok(count)
    }
}

impl World {
    /// Runs `client LINE --to TO` with `pipe` as its standard input.
    async fn pipes(&self, line: &str, pipe: Silent, to: &str) -> (u8, Captured) {
        self.pipes_in(self.environment(), line, pipe, to).await
    }

    /// The same, in this environment.
    pub(super) async fn pipes_in(
        &self,
        environment: Environment,
        line: &str,
        pipe: Silent,
        to: &str,
    ) -> (u8, Captured) {
        let (console, captured) = Console::captured("");
        let console = Console { input: Box::new(pipe), ..console };
        let words = line.split(' ').map(|word| word.strip_prefix('@').map_or(word.to_owned(), |name| self.path(name)));
        let args = ["client".to_owned()].into_iter().chain(words).chain([format!("--to={to}")]);
        let run = crate::run(args, environment, console);
        let exit = tokio::time::timeout(Duration::from_secs(20), run).await.expect("the client hangs");
        (exit.code(), captured)
    }
}

#[tokio::test]
async fn a_refusal_is_heard_while_a_pipe_is_silent() {
    let world = World::new();
    let refusal = line("error", r#","closing":true,"error":{"code":"bad_name","retry":"never","message":"no"}"#);
    let address = serve(vec![vec![Act::Midway(refusal)]]).await;
    let (end, heard) = channel();
    let pipe = Silent { before: vec![7; 600_000], heard, after: Vec::new() };
    let (exit, captured) = world.pipes("send - --mode stateless", pipe, &address).await;
    drop(end);
    assert_eq!(exit, 6, "{}", captured.errors_text());
}

#[tokio::test]
async fn a_connection_that_ends_while_a_pipe_is_silent_does_not_take_the_pipe_with_it() {
    for (line, first, second) in [
        ("send @a.txt -", vec![created(), stored()], vec![resumed(2), stored()]),
        ("send @a.txt - --mode stateless", vec![stored_stateless()], vec![stored_stateless()]),
    ] {
        let world = World::new();
        let (leave, heard) = channel();
        let address = serve(vec![[first, vec![Act::Leave(leave)]].concat(), second]).await;
        let pipe = Silent { before: Vec::new(), heard, after: b"late".to_vec() };
        let (exit, captured) = world.pipes(line, pipe, &address).await;
        assert_eq!(exit, 0, "{line}: {}", captured.errors_text());
        assert!(captured.errors_text().contains("2 files stored, 7 B"), "{}", captured.errors_text());
    }
}

#[tokio::test]
async fn a_pipe_that_was_begun_is_not_sent_twice() {
    let world = World::new();
    // Closed in the middle of the payload, and the second connection wants it from its beginning.
    let scripts = vec![vec![Act::Midway(String::new())], vec![stored_stateless()]];
    let (end, heard) = channel();
    let pipe = Silent { before: vec![7; 600_000], heard, after: Vec::new() };
    let (exit, captured) = world.pipes("send - --mode stateless", pipe, &serve(scripts).await).await;
    drop(end);
    assert_eq!(exit, 3, "{}", captured.errors_text());
    assert!(captured.errors_text().contains("cannot be sent twice"), "{}", captured.errors_text());
}

#[tokio::test]
async fn a_pipe_that_is_refused_before_it_was_begun_is_offered_again() {
    let gap = r#","error":{"code":"sequence_gap","retry":"same","message":"no","expected_sequence":3}"#;
    let scripts = vec![vec![created(), Act::Early(line("error", gap)), stored()]];
    let (exit, captured) = World::new().run("send -", &serve(scripts).await).await;
    assert_eq!(exit, 0, "{}", captured.errors_text());
    assert!(captured.output_text().contains("stateful #3"), "{}", captured.output_text());
}

#[cfg(unix)]
#[tokio::test]
async fn a_pipe_to_which_nobody_writes_keeps_no_file_waiting_and_can_be_left() {
    let world = World::new();
    make_pipe(Path::new(&world.path("pipe")));
    let address = serve(vec![vec![created(), stored(), stored()]]).await;
    let (stop, interrupt) = Interrupt::pair();
    let (console, captured) = Console::captured("");
    let paths = ["pipe", "a.txt", "b.txt"].map(|name| world.path(name));
    let args = ["client".to_owned(), "send".into()].into_iter().chain(paths).chain(["--to".into(), address]);
    let run = crate::run(args, world.environment().interrupted_by(interrupt), console);
    let stopper = async {
        while !captured.output_text().contains("file_2_9") {
            tokio::task::yield_now().await;
        }
        stop.send(true).unwrap();
    };
    let both = async { tokio::join!(run, stopper) };
    let (exit, ()) = tokio::time::timeout(Duration::from_secs(20), both).await.expect("a file waits for the pipe");
    assert_eq!(exit.code(), 130);
    assert!(captured.errors_text().contains("2 files stored, 4 B"), "{}", captured.errors_text());
}

#[cfg(unix)]
#[tokio::test]
async fn a_pipe_that_took_a_file_s_place_can_be_left() {
    let world = World::new();
    let path = world.path("pipe");
    make_pipe(Path::new(&path));
    tokio::select! {
        biased;
        reading = crate::reading::Reading::file(Path::new(&path)) => panic!("nobody wrote: {reading:?}"),
        () = tokio::task::yield_now() => {}
    }
    // Whoever opens it must not wait for the end of the test.
    std::fs::File::options().write(true).open(&path).unwrap();
}
