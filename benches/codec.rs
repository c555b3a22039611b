//! What the codec costs: `cargo bench -p benches --bench codec`.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use shared::codec::{Decoder, Event, Framing, Payload, encode_line};
use shared::wire::{Dialect, FileInfo, Frame, Incoming, Reply, Status, read_header};

const UPLOAD: &str = r#"{"version":"2.0","mime_type":"text/plain","size":0}"#;
const IN_SESSION: &str = r#"{"version":"2.0","mime_type":"image/png","size":0,"name":"holiday/picture 1.png","ack":"written","session":{"id":"0d9bd2b5-0a3f-4c37-9d0a-95cd3e9c7d3f","mode":"stateful","sequence":17,"action":"transfer"}}"#;

/// Reads every frame of a stream that arrives in one piece, and tells how many there were.
fn decode(stream: &[u8], framing: Framing) -> u64 {
    let mut decoder = Decoder::new(8 * 1024);
    decoder.buffer_mut().extend_from_slice(stream);
    let mut frames: u64 = 0;
    while let Ok(Some(event)) = decoder.next_event() {
        match event {
            Event::Header(line) => {
                black_box(line);
                decoder.follow(framing);
            }
            Event::SessionData(bytes) | Event::Payload(bytes) => drop(black_box(bytes)),
            Event::End(_) => frames = frames.saturating_add(1),
        }
    }
    frames
}

fn parse(line: &[u8]) -> Option<Frame> {
    match read_header(line, Dialect::V2) {
        Ok(Incoming::Frame(raw)) => Frame::try_from(*raw).ok(),
        Ok(Incoming::Week01(_) | Incoming::InvalidWeek01) | Err(_) => None,
    }
}

fn frames(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    let small = format!("{UPLOAD}\n").repeat(100);
    group.throughput(Throughput::Elements(100));
    group.bench_function("100 header lines", |bench| bench.iter(|| decode(small.as_bytes(), Framing::NONE)));

    let mebibyte: u32 = 1024 * 1024;
    let large = [UPLOAD.as_bytes(), b"\n", &b"x".repeat(1024 * 1024)].concat();
    let framing = Framing { payload: Payload::Sized(mebibyte.into()), ..Framing::NONE };
    group.throughput(Throughput::Bytes(mebibyte.into()));
    group.bench_function("a payload of 1 MiB, its copy into the buffer included", |bench| {
        bench.iter(|| decode(&large, framing));
    });
    group.finish();
}

fn headers(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("header");
    group.bench_function("read a stateless upload", |bench| bench.iter(|| parse(black_box(UPLOAD.as_bytes()))));
    group.bench_function("read an upload in a session", |bench| bench.iter(|| parse(black_box(IN_SESSION.as_bytes()))));
    let file =
        FileInfo { stored_as: "received_0123456789abcdef0123456789abcdef.txt".to_owned(), size: 0, digest: None };
    let reply = Reply { file: Some(file), ..Reply::new(Status::Stored) };
    group.bench_function("write a reply", |bench| bench.iter(|| encode_line(black_box(&reply))));
    group.finish();
}

criterion_group!(benches, frames, headers);
criterion_main!(benches);
