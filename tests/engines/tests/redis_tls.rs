//! Sessions in a Redis server behind TLS, and whom a server of ours believes to be that Redis.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on stops")]

use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;

use engines::redis::Redis;
use harness::{ServerProcess, Session, frame};
use tempfile::TempDir;

/// The program that is a server when it is called so.
const PROGRAMS: &str = env!("CARGO_BIN_EXE_campaign");

struct Certificate {
    certificate: PathBuf,
    key: PathBuf,
}

/// A certificate that vouches for itself and for nobody but `host`.
fn certificate(folder: &TempDir, name: &str, host: &str) -> Certificate {
    let made = rcgen::generate_simple_self_signed([host.to_owned()]).unwrap();
    let [certificate, key] = ["pem", "key"].map(|end| folder.path().join(name).with_extension(end));
    fs::write(&certificate, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    Certificate { certificate, key }
}

/// A server whose sessions are in this Redis, and which believes whoever shows this certificate.
fn server(folder: &TempDir, name: &str, redis: &Redis, trusted: &Certificate) -> ServerProcess {
    let program = folder.path().join(name).join("server");
    fs::create_dir(program.parent().unwrap()).unwrap();
    fs::hard_link(PROGRAMS, &program).or_else(|_| fs::copy(PROGRAMS, &program).map(drop)).unwrap();
    let url = redis.url();
    let variables: [(&str, &OsStr); 2] =
        [("DFT_STATEFUL_REDIS_URL", url.as_ref()), ("SSL_CERT_FILE", trusted.certificate.as_ref())];
    let storage = folder.path().join(name).join("storage");
    ServerProcess::try_start_with(program.to_str().unwrap(), &storage, &["--persistence", "redis"], &variables)
        .unwrap_or_else(|ended| panic!("the server does not start: {ended:?}"))
}

#[test]
fn a_session_goes_on_at_another_server_over_a_redis_behind_tls() {
    let folder = tempfile::tempdir().unwrap();
    let shown = certificate(&folder, "shown", "127.0.0.1");
    let redis = Redis::start_with_tls(&shown.certificate, &shown.key).unwrap();
    let [one, other] = ["one", "other"].map(|name| server(&folder, name, &redis, &shown));
    let session = Session::open(&mut one.connect());
    let mut elsewhere = other.connect();
    elsewhere.ask(&session.resume(), b"").is("session_resumed");
    session.store(&mut elsewhere, 1, b"hello");
}

#[test]
fn a_redis_whose_certificate_is_unknown_or_anothers_gets_no_session() {
    let folder = tempfile::tempdir().unwrap();
    let known = certificate(&folder, "known", "127.0.0.1");
    let unknown = certificate(&folder, "unknown", "127.0.0.1");
    let anothers = certificate(&folder, "anothers", "redis.example.org");
    for (name, shown, trusted) in [("to one", &unknown, &known), ("to the other", &anothers, &anothers)] {
        let redis = Redis::start_with_tls(&shown.certificate, &shown.key).unwrap();
        let mut server = server(&folder, name, &redis, trusted);
        let mut client = server.connect();
        client.ask(&frame::stateful("connect"), b"").refuses("store_unavailable");
        client.ask(&frame::upload("text/plain", 5), b"hello").is("stored");
        let log = server.kill().log;
        assert!(log.contains("certificate"), "the operator is told: {log}");
    }
}
