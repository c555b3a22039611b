//! What the simulated disk loses, and what not.

use super::{Loss, Simulated};
use crate::{Disk, DiskError};

#[test]
fn what_was_not_synced_is_lost_and_the_rest_is_not() {
    let mut disk = Simulated::default();
    disk.append("a", b"one").unwrap();
    disk.sync("a").unwrap();
    assert_eq!(disk.crashed(&Loss::All).bytes("a"), None, "its name was not synced");
    disk.sync_folder().unwrap();
    disk.append("a", b"two").unwrap();
    assert_eq!(disk.crashed(&Loss::All).bytes("a"), Some(&b"one"[..]));
    assert_eq!(disk.crashed(&Loss::Torn(1)).bytes("a"), Some(&b"onet"[..]));
    let killed = disk.crashed(&Loss::Nothing);
    assert_eq!(killed.bytes("a"), Some(&b"onetwo"[..]));
    assert_eq!(killed.crashed(&Loss::All).bytes("a"), Some(&b"one"[..]), "a kill makes nothing durable");
}

#[test]
fn a_sync_that_failed_forgets_the_bytes() {
    let mut disk = Simulated::with(&[("a", b"one".to_vec())]);
    disk.append("a", b"two").unwrap();
    disk.failing = Some(1);
    assert_eq!(disk.sync("a"), Err(DiskError::Io));
    assert_eq!(disk.sync("a"), Ok(()));
    disk.append("a", b"three").unwrap();
    disk.sync("a").unwrap();
    assert_eq!(disk.bytes("a"), Some(&b"onetwothree"[..]));
    assert_eq!(disk.crashed(&Loss::All).bytes("a"), Some(&b"one\0\0\0three"[..]));
}

#[test]
fn a_full_disk_takes_what_fits() {
    let mut disk = Simulated { capacity: Some(4), ..Simulated::default() };
    assert_eq!(disk.append("a", b"12345"), Err(DiskError::Full));
    assert_eq!(disk.bytes("a"), Some(&b"1234"[..]));
}

#[test]
fn nothing_happens_behind_the_plug() {
    let mut disk = Simulated { off_before: Some(1), ..Simulated::default() };
    disk.append("a", b"1").unwrap();
    assert_eq!(disk.append("a", b"2"), Err(DiskError::Off));
    assert_eq!(disk.read("a"), Err(DiskError::Off));
    assert_eq!(disk.crashed(&Loss::Nothing).bytes("a"), Some(&b"1"[..]));
}
