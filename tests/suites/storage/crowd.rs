//! Many files and many hands.

use std::sync::Arc;

use server::files::Shelf;
use shared::id::Sequence;
use shared::wire::Ack;

use super::{get, name, put, session, storages};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_files_are_listed_once_each_and_keep_their_bytes() {
    let (_folder, storages) = storages();
    for storage in storages {
        // Backwards, so that no order of arrival helps.
        for number in (1..=2_000).rev() {
            put(&*storage, &name(number), &number.to_string(), Ack::Written).await;
        }
        let (mut found, mut from) = (Vec::new(), Some(Sequence::FIRST));
        while let Some(begin) = from {
            let page = storage.list(Shelf::Folder(session()), begin, 1_000).await.unwrap();
            assert!(page.entries.len() <= 1_000);
            found.extend(page.entries.iter().map(|entry| entry.sequence.get()));
            from = page.next;
        }
        assert!(found.iter().copied().eq(1..=2_000));
        for number in (1..=2_000).step_by(97) {
            assert_eq!(get(&*storage, &name(number)).await, Some(number.to_string()));
        }
    }
}

/// A list is taken while files come and go: it never fails, and shows every file that stayed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_taken_while_files_come_and_go_shows_all_that_stayed() {
    let (_folder, storages) = storages();
    for storage in storages {
        for number in (1..=99).step_by(2) {
            put(&*storage, &name(number), "stays", Ack::Written).await;
        }
        let moving = Arc::clone(&storage);
        let moves = tokio::spawn(async move {
            for round in 0..10 {
                for number in (2..=20).step_by(2) {
                    put(&*moving, &name(number), "goes", Ack::Written).await;
                }
                for number in (2..=20).step_by(2) {
                    let gone = if round % 2 == 0 {
                        moving.remove(&name(number), Ack::Written).await.unwrap()
                    } else {
                        moving.set_aside(&name(number)).await.unwrap()
                    };
                    assert!(gone);
                }
            }
        });
        let mut lists = 0;
        while !moves.is_finished() || lists == 0 {
            let page = storage.list(Shelf::Folder(session()), Sequence::FIRST, 1_000).await.unwrap();
            let stayed = page.entries.iter().filter(|entry| entry.sequence.get() % 2 == 1).count();
            assert_eq!(stayed, 50);
            lists += 1;
            tokio::task::yield_now().await;
        }
        moves.await.unwrap();
    }
}

/// An open file outlives its name: a client that fetches gets all of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_being_read_is_read_to_its_end_though_it_was_removed() {
    let (_folder, storages) = storages();
    for storage in storages {
        put(&*storage, &name(1), "hello", Ack::Written).await;
        let mut source = storage.open(&name(1), 0).await.unwrap().unwrap();
        assert!(storage.remove(&name(1), Ack::Durable).await.unwrap());
        put(&*storage, &name(1), "other", Ack::Written).await;
        assert_eq!(source.next().await.unwrap().unwrap(), "hello");
        assert!(source.next().await.unwrap().is_none());
        assert_eq!(get(&*storage, &name(1)).await.as_deref(), Some("other"));
    }
}
