//! What the rules of a session cost by themselves, without a store or a socket: `cargo bench -p benches --bench rules`.
#![expect(clippy::expect_used, reason = "a bench that fails says where, and ends")]

use std::hint::black_box;
use std::net::Ipv4Addr;

use criterion::{Criterion, criterion_group, criterion_main};
use harness::stores::contract::{at, stored, transfer};
use shared::id::{Sequence, SessionId, Token};
use shared::limits::Limits;
use shared::session::{Fingerprint, Session};

const SIZE: u64 = 4_096;

/// A session that keeps as many replies as one may.
fn full(limits: &Limits) -> Session {
    let opened =
        Session::open(SessionId::from_random([2; 16]), &Token::from_random([1; 32]), Ipv4Addr::LOCALHOST.into(), at(1));
    (0..limits.receipts_per_session_max).fold(opened, |session, _| stored(&session, SIZE, at(2), limits))
}

fn rules(criterion: &mut Criterion) {
    let limits = Limits::default();
    let session = full(&limits);
    let next = session.next_sequence();
    let newest = Sequence::new(next.get() - 1).expect("a number");
    let mut group = criterion.benchmark_group("rules");
    for (name, sequence) in [("admit the next upload", next), ("admit a repeat of the newest", newest)] {
        let request = Fingerprint::of(&transfer(sequence, SIZE)).expect("an upload changes the session");
        group.bench_function(name, |bench| {
            bench.iter(|| black_box(&session).admit(sequence, black_box(&request)).is_ok());
        });
    }
    group.bench_function("advance", |bench| {
        bench.iter(|| stored(black_box(&session), SIZE, at(3), &limits));
    });
    group.finish();
}

criterion_group!(benches, rules);
criterion_main!(benches);
