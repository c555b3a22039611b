//! Sessions in a real Redis server: the contract, the model, and what happens when it is away.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::error::Error;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;

use engines::redis::Redis;
use harness::stores::agreement::agrees;
use harness::stores::contract::{ROOM, at, closed, session, stored};
use harness::stores::model::limits;
use harness::stores::{AlarmClock, Test, on_runtime, poll_once};
use harness::{Options, Server, Session, frame};
use server::config::{Persistence, RedisUrl};
use server::env::{Clock, SystemClock};
use server::sessions::{Durability, RedisStore, SessionStore, StoreError};
use shared::limits::Limits;

/// Sequences of operations for the model.
const SEQUENCES: u32 = 2_000;

fn start(settings: &[&str]) -> Redis {
    Redis::start(settings).unwrap_or_else(|error| panic!("{error}"))
}

fn store(redis: &Redis) -> RedisStore {
    RedisStore::new(&redis.url(), Arc::new(SystemClock::start()), &Limits::default()).unwrap()
}

/// A question to the server itself.
async fn ask<T: redis::FromRedisValue>(redis: &Redis, words: &[&str]) -> T {
    let client = redis::Client::open(redis.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let mut command = redis::cmd(words[0]);
    for word in &words[1..] {
        command.arg(*word);
    }
    command.query_async(&mut connection).await.unwrap()
}

mod contract {
    use super::*;

    fn run(test: Test) {
        let redis = start(&[]);
        on_runtime(async {
            test(Arc::new(store(&redis))).await;
        });
    }

    harness::store_contract! { run }
}

#[test]
fn redis_does_what_a_list_of_records_does() {
    let redis = start(&[]);
    agrees(SEQUENCES, 12, move || {
        on_runtime(async { ask::<()>(&redis, &["FLUSHALL"]).await });
        let store = || -> Arc<dyn SessionStore> {
            Arc::new(RedisStore::new(&redis.url(), Arc::new(SystemClock::start()), &limits()).unwrap())
        };
        vec![store(), store()]
    });
}

#[test]
fn the_store_says_what_its_server_promises() {
    for (settings, durability) in [
        (&[][..], Durability::Written),
        (&["--appendonly", "yes"], Durability::Written),
        (&["--appendonly", "yes", "--appendfsync", "always"], Durability::Durable),
        (&["--appendonly", "yes", "--rename-command", "CONFIG", ""], Durability::Unknown),
        (&["--rename-command", "INFO", ""], Durability::Unknown),
    ] {
        let redis = start(settings);
        on_runtime(async { assert_eq!(store(&redis).durability().await, durability, "{settings:?}") });
    }
}

/// What nobody looks after goes away: a record lives as long as its session and its tombstone, and a little.
#[test]
fn every_record_expires_by_itself() {
    let redis = start(&[]);
    on_runtime(async {
        let limits = Limits::default();
        let store = store(&redis);
        let seen = store.insert(session(1, 1), at(limits.pending_timeout_ms), ROOM).await.unwrap();
        let key = format!("dft:{{{}}}:session", session(1, 1).id().to_wire());
        let spare = 60_000;
        let lives = |expected: u64, left: i64| {
            let left = u64::try_from(left).unwrap();
            assert!(left <= expected && left > expected - 30_000, "{left} of {expected}");
        };
        lives(limits.pending_timeout_ms + limits.tombstone_ms + spare, ask(&redis, &["PTTL", &key]).await);
        let used = stored(&seen.session, 5, at(1), &limits);
        let seen = store.replace(seen.revision, used.clone(), used.due(&limits)).await.unwrap();
        lives(limits.session_timeout_ms + limits.tombstone_ms + spare, ask(&redis, &["PTTL", &key]).await);
        let ended = closed(&seen.session, at(2), &limits);
        store.replace(seen.revision, ended.clone(), ended.due(&limits)).await.unwrap();
        lives(limits.tombstone_ms * 2 + spare, ask(&redis, &["PTTL", &key]).await);
    });
}

/// A server may die between a record and its hints. The record is the truth.
#[test]
fn wrong_hints_are_put_right_when_they_come_up() {
    let redis = start(&[]);
    on_runtime(async {
        let store = store(&redis);
        for number in 1..=4 {
            store.insert(session(number, 1), at(10 * u64::from(number)), ROOM).await.unwrap();
        }
        let id = |number: u8| session(number, 1).id().to_wire();
        // One record is gone, one was heard of since, one hint names another address, one is no hint at all.
        let _: i64 = ask(&redis, &["DEL", &format!("dft:{{{}}}:session", id(1))]).await;
        let _: i64 = ask(&redis, &["HSET", &format!("dft:{{{}}}:session", id(2)), "due", "90"]).await;
        let _: i64 = ask(&redis, &["ZADD", "dft:index:due", "5", &format!("{} 10.9.9.9", id(3))]).await;
        let _: i64 = ask(&redis, &["ZADD", "dft:index:due", "6", "nonsense"]).await;
        let due = store.due_at(at(50), 2).await.unwrap();
        let ids: Vec<_> = due.iter().map(|seen| seen.session.id().to_wire()).collect();
        assert_eq!(ids, [id(3), id(4)]);
        assert_eq!(store.stats().await.unwrap().live, 3);
        let due = store.due_at(at(90), 9).await.unwrap();
        let ids: Vec<_> = due.iter().map(|seen| seen.session.id().to_wire()).collect();
        assert_eq!(ids, [id(3), id(4), id(2)]);
        let left: i64 = ask(&redis, &["ZCARD", "dft:index:due"]).await;
        assert_eq!(left, 3);
    });
}

#[test]
fn a_record_that_cannot_be_read_hurts_nobody_else() {
    let redis = start(&[]);
    on_runtime(async {
        let store = store(&redis);
        for number in 1..=2 {
            store.insert(session(number, number), at(number.into()), ROOM).await.unwrap();
        }
        let key = format!("dft:{{{}}}:session", session(1, 1).id().to_wire());
        let _: i64 = ask(&redis, &["HSET", &key, "head", "bent", "revision", "7-0000000000000001"]).await;
        assert!(matches!(store.load(session(1, 1).id()).await, Err(StoreError::Damaged(_))));
        assert_eq!(store.due_at(at(9), 9).await.unwrap().len(), 1);
        assert_eq!(store.due_at(at(9), 9).await.unwrap().len(), 1);
        assert_eq!(store.stats().await.unwrap().live, 1);
    });
}

/// A Redis server that lost its newest writes counts the same numbers again, for something else.
#[test]
fn a_change_that_saw_a_lost_one_is_a_conflict() {
    let redis = start(&[]);
    on_runtime(async {
        let (one, other) = (store(&redis), store(&redis));
        let first = one.insert(session(1, 1), at(5), ROOM).await.unwrap();
        let key = format!("dft:{{{}}}:session", session(1, 1).id().to_wire());
        let before: Vec<u8> = dump(&redis, &key).await;
        let lost = one.replace(first.revision, first.session.heard(at(1)), at(5)).await.unwrap();
        restore(&redis, &key, &before).await;
        let seen = other.load(session(1, 1).id()).await.unwrap().unwrap();
        assert_eq!(seen.revision, first.revision);
        let taken = seen.session.taken_over([10, 0, 0, 2].into(), at(2));
        other.replace(seen.revision, taken, at(5)).await.unwrap();
        let late = one.replace(lost.revision, lost.session.heard(at(3)), at(5)).await;
        assert!(matches!(late, Err(StoreError::Conflict)));
        let seen = one.load(session(1, 1).id()).await.unwrap().unwrap();
        assert_eq!(seen.session.epoch().get(), 2);
    });
}

async fn dump(redis: &Redis, key: &str) -> Vec<u8> {
    ask(redis, &["DUMP", key]).await
}

async fn restore(redis: &Redis, key: &str, bytes: &[u8]) {
    let client = redis::Client::open(redis.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let mut command = redis::cmd("RESTORE");
    command.arg(key).arg(0).arg(bytes).arg("REPLACE");
    command.query_async::<()>(&mut connection).await.unwrap();
}

/// The clock is the test's, and whoever listens never answers: given up at its millisecond, not before.
#[test]
fn an_answer_is_waited_for_two_seconds() {
    let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("redis://{}", silent.local_addr().unwrap());
    for (passed, given_up) in [(1_999, false), (2_000, true), (2_001, true)] {
        let clock = Arc::new(AlarmClock::default());
        let waited: Arc<dyn Clock> = clock.clone();
        on_runtime(async {
            let store = RedisStore::new(&url, waited, &Limits::default()).unwrap();
            let question = store.load(session(1, 1).id());
            tokio::pin!(question);
            assert!(poll_once(&mut question).await.is_none());
            clock.pass(passed);
            let answer = poll_once(&mut question).await;
            assert_eq!(matches!(answer, Some(Err(StoreError::Unavailable(_)))), given_up, "{passed}");
        });
    }
}

/// Killed and started again with what it has on its disk: nothing is lost, and nobody restarts us.
#[test]
fn a_server_that_was_away_is_used_again() {
    let settings = ["--appendonly", "yes", "--appendfsync", "always"];
    let mut redis = start(&settings);
    on_runtime(async {
        let store = store(&redis);
        let seen = store.insert(session(1, 1), at(5), ROOM).await.unwrap();
        for number in 0..3 {
            redis.kill().unwrap();
            assert!(matches!(store.load(session(1, 1).id()).await, Err(StoreError::Unavailable(_))), "{number}");
            redis.start_again(&settings).unwrap();
            let patience = harness::Patience::fresh();
            let found = loop {
                match store.load(session(1, 1).id()).await {
                    Ok(found) => break found,
                    Err(error) => assert!(patience.lasts(), "{error:?}"),
                }
            };
            assert_eq!(found.unwrap().revision, seen.revision, "{number}");
        }
    });
}

/// Through the wire: two servers on one Redis, and a session that goes on at the other one.
#[test]
fn a_session_goes_on_at_another_server_and_an_outage_is_told() -> Result<(), Box<dyn Error>> {
    let settings = ["--appendonly", "yes", "--appendfsync", "always"];
    let mut redis = Redis::start(&settings)?;
    let folder = tempfile::tempdir()?;
    let url = redis.url();
    let options = |storage: &Path| {
        Options::with(|config| {
            config.persistence = Persistence::Redis;
            config.redis_url = RedisUrl::parse(&url).unwrap();
        })
        .over(storage)
    };
    let one = Server::start(options(&folder.path().join("one")));
    let other = Server::start(options(&folder.path().join("other")));
    let (mut client, session) = one.open_session();
    session.store(&mut client, 1, b"hello");
    client.ask(&frame::stateless("hello"), b"").is("hello");

    let mut elsewhere = other.connect();
    let resumed = elsewhere.ask(&session.resume(), b"").is("session_resumed");
    assert_eq!(resumed["session"]["next_sequence"], 2);
    session.store(&mut elsewhere, 2, b"world");
    client.ask(&session.upload(2, "text/plain", 5), b"stale").refuses("session_moved");

    redis.kill()?;
    elsewhere.ask(&session.frame("heartbeat"), b"").refuses("store_unavailable");
    elsewhere.ask(&frame::upload("text/plain", 5), b"hello").is("stored");
    redis.start_again(&settings)?;
    other.until(|| {
        let reply = elsewhere.ask(&session.frame("heartbeat"), b"");
        reply["status"] == "heartbeat_ack"
    });
    session.store(&mut elsewhere, 3, b"again");
    let fresh = Session::open(&mut other.connect());
    assert_ne!(fresh.id, session.id);
    Ok(())
}
