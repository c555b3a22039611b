//! The wire, as a client meets it.

use harness::{Options, Server, ServerProcess, frame};

#[test]
fn hello_says_what_there_is() {
    let server = Server::start(Options::default());
    let hello = server.connect().ask(&frame::stateless("hello"), b"").is("hello");
    assert_eq!(hello["hello"]["store"], "memory");
}

#[test]
fn the_program_serves_until_it_is_told_to_stop() {
    let folder = tempfile::tempdir().unwrap();
    let mut process = ServerProcess::start(env!("CARGO_BIN_EXE_test-server"), folder.path(), &[]);
    let _ = process.connect().ask(&frame::upload("text/plain", 5), b"hello").is("stored");
    process.terminate();
    assert_eq!(process.wait().code, Some(0));
}
