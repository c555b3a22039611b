//! A running server that may not write any more, and then may again.

use harness::{ServerProcess, frame};

use crate::SERVER;

/// `ulimit -f` of whoever started the server. Linux sends a signal too, which ends whoever does not expect it.
#[cfg(target_os = "linux")]
#[test]
fn a_file_longer_than_the_system_allows_is_a_full_storage_and_not_the_end_of_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let process = ServerProcess::start(SERVER, folder.path(), &[]);
    process.limit_files(Some(100_000));
    let mut client = process.connect();
    client.ask(&frame::upload("text/plain", 100_001), &vec![b'a'; 100_001]).refuses("storage_full");
    client.ask(&frame::upload("text/plain", 100_000), &vec![b'a'; 100_000]).is("stored");
    let chunks = frame::chunks(&vec![b'a'; 100_001], 7_000, &serde_json::json!({}));
    client.ask(&frame::chunked("text/plain"), &chunks).refuses("storage_full");
    process.limit_files(None);
    client.ask(&frame::upload("text/plain", 100_001), &vec![b'a'; 100_001]).is("stored");
    assert_eq!(harness::names(folder.path()).len(), 2);
}
