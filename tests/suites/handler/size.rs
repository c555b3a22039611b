//! How large uploads may be, at one below, at and one above, with a length and without.

use harness::orders::finish;
use harness::world::{Client, Sent, Setup, World, code};
use shared::error::ErrorCode;
use shared::wire::{MimeType, Week01Upload};

use super::transfer_id;

const MAX: usize = 10;

fn world() -> std::sync::Arc<World> {
    let mut setup = Setup::default();
    setup.limits.stateless_request_bytes_max = 10;
    setup.limits.stateful_request_bytes_max = 10;
    setup.limits.week01_request_bytes_max = 10;
    World::with(setup)
}

fn sent(bytes: usize) -> Sent {
    Sent::bytes(vec![7; bytes].into())
}

#[test]
fn an_upload_of_the_limit_is_stored_and_one_byte_more_is_not() {
    for bytes in [0, 1, MAX - 1, MAX, MAX + 1] {
        for chunk_bytes in [1, 3, MAX, MAX + 1] {
            for sent in [sent(bytes), sent(bytes).chunked()] {
                let sent = sent.in_chunks_of(chunk_bytes);
                let world = world();
                let mut client = finish(Client::open(&world));
                let expected = (bytes > MAX).then_some(ErrorCode::SizeTooLarge);
                let outcome = finish(client.send(&world, 1, &sent));
                assert_eq!(code(&outcome), expected, "{bytes} in chunks of {chunk_bytes}");
                assert_eq!(code(&finish(world.send(None, &sent))), expected);
                assert_eq!(code(&finish(world.send(Some(transfer_id()), &sent))), expected);
                let kept = if expected.is_none() { 3 } else { 0 };
                assert_eq!((world.visible().len(), world.files.partial()), (kept, 0));
                assert!(world.visible().iter().all(|(_, bytes)| *bytes == sent.content));
            }
        }
    }
}

#[test]
fn a_stated_size_is_refused_before_a_byte_is_read() {
    let world = world();
    let mut client = finish(Client::open(&world));
    let too_large = sent(MAX + 1);
    let unread = || too_large.body().broken_after(0, ErrorCode::Internal);
    assert_eq!(code(&finish(client.send_as(&world, 1, &too_large, unread()))), Some(ErrorCode::SizeTooLarge));
    assert_eq!(world.files.calls(server::files::memory::Operation::Create), 0);
}

#[test]
fn a_week_01_upload_has_a_limit_of_its_own() {
    for bytes in [MAX - 1, MAX, MAX + 1] {
        let world = world();
        let upload = Week01Upload { mime_type: MimeType::from_wire("image/png"), size: u64::try_from(bytes).unwrap() };
        let mut body = sent(bytes).body();
        let outcome = finish(world.dispatch().week01(upload, &mut body));
        assert_eq!(code(&outcome), (bytes > MAX).then_some(ErrorCode::SizeTooLarge));
        assert_eq!(world.visible().len(), usize::from(bytes <= MAX));
    }
}

/// Nothing is there to go on from.
#[test]
fn an_upload_that_would_go_on_is_told_where_to_begin() {
    let world = world();
    let mut client = finish(Client::open(&world));
    let rest = sent(3).from(2).stating(shared::digest::DigestKind::Blake3, &[7; 5]);
    for refused in [finish(client.send(&world, 1, &rest)), finish(world.send(Some(transfer_id()), &rest))] {
        let refused = refused.unwrap_err();
        assert_eq!((refused.code, refused.offset), (ErrorCode::BadOffset, Some(0)));
    }
}
