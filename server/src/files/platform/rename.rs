//! Rename without replacing, also where the file system does not know it.

use std::fs::File;

use rustix::fs::AtFlags;
use rustix::io::Errno;

/// Fails with `EXIST` when the name is taken, whoever took it and when.
pub(super) fn rename_new(folder: &File, from: &str, into: &File, to: &str) -> Result<(), Errno> {
    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
    match rustix::fs::renameat_with(folder, from, into, to, rustix::fs::RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {}
        result => return result,
    }
    link_then_unlink(folder, from, into, to)
}

/// For a moment the file has both names; the one in the staging folder is cleared away after a crash.
fn link_then_unlink(folder: &File, from: &str, into: &File, to: &str) -> Result<(), Errno> {
    rustix::fs::linkat(folder, from, into, to, AtFlags::empty())?;
    rustix::fs::unlinkat(folder, from, AtFlags::empty()).inspect_err(|_| {
        // What cannot be moved stays where it was. If this fails too, the caller hears of the first failure.
        let _undone = rustix::fs::unlinkat(into, to, AtFlags::empty());
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_serves_where_rename_cannot_keep_off() {
        let place = tempfile::tempdir().unwrap();
        let folder = File::open(place.path()).unwrap();
        std::fs::write(place.path().join("a"), "a").unwrap();
        link_then_unlink(&folder, "a", &folder, "b").unwrap();
        std::fs::write(place.path().join("a"), "other").unwrap();
        assert_eq!(link_then_unlink(&folder, "a", &folder, "b"), Err(Errno::EXIST));
        assert_eq!(std::fs::read(place.path().join("b")).unwrap(), b"a");
        assert_eq!(std::fs::read(place.path().join("a")).unwrap(), b"other");
    }
}
