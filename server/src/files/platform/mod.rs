//! What differs between platforms, one file each. Only Linux was tried; the portable ways are tested there too.

#[cfg(not(unix))]
pub(super) use folder_portable::{Folder, Identity};
#[cfg(unix)]
pub(super) use folder_unix::{Folder, Identity};
pub(super) use positional::{read_exact_at, write_all_at};
pub(super) use preallocate::preallocate;

#[cfg(any(not(unix), test))]
mod folder_portable;
#[cfg(unix)]
mod folder_unix;
mod positional;
mod preallocate;
#[cfg(unix)]
mod rename;
#[cfg(unix)]
mod whole;

/// Who may look into a folder.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Access {
    /// Only the user the server runs as.
    Private,
    /// Whoever the umask lets.
    Shared,
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{ErrorKind, Read as _};

    use super::*;

    /// Both kinds of folder are held to the same lines.
    macro_rules! folder_contract {
        ($name:ident, $folder:ty) => {
            #[test]
            fn $name() {
                let place = tempfile::tempdir().unwrap();
                let root = <$folder>::open(place.path()).unwrap();
                assert!(root.make_subfolder("a", Access::Private).unwrap());
                assert!(!root.make_subfolder("a", Access::Shared).unwrap());
                assert_eq!(root.subfolder("b").unwrap_err().kind(), ErrorKind::NotFound);
                let sub = root.subfolder("a").unwrap();
                let identity = sub.identity().unwrap();
                assert!(root.leads_to("a", identity).unwrap());
                assert!(!root.leads_to("b", identity).unwrap());
                assert!(root.shares_filesystem(&sub).unwrap());

                let file = sub.create("x").unwrap();
                assert_eq!(sub.create("x").unwrap_err().kind(), ErrorKind::AlreadyExists);
                write_all_at(&file, b"world", 6).unwrap();
                write_all_at(&file, b"hello ", 0).unwrap();
                assert_eq!(sub.size("x").unwrap(), Some(11));
                assert_eq!(sub.size("y").unwrap(), None);
                assert!(<$folder>::changed_ms(&file).unwrap() > 1_500_000_000_000);

                assert!(sub.rename_new("x", &root, "z").unwrap());
                sub.create("x").unwrap();
                assert!(!sub.rename_new("x", &root, "z").unwrap());
                assert_eq!(sub.rename_new("y", &root, "w").unwrap_err().kind(), ErrorKind::NotFound);
                root.sync().unwrap();
                if root.may_sync_whole().unwrap() {
                    root.sync_whole().unwrap();
                    assert!(<$folder>::has_space(&file, 11).unwrap() && !<$folder>::has_space(&file, 1 << 20).unwrap());
                }
                assert_eq!(text(root.open_file("z").unwrap()), "hello world");
                assert!(root.open_file("y").unwrap().is_none());
                assert_eq!(root.open_file("a").unwrap_err().kind(), ErrorKind::InvalidData);
                assert_eq!(root.size("a").unwrap_err().kind(), ErrorKind::InvalidData);

                assert!(root.open_or_create("a").is_err());
                let part = sub.open_or_create("p").unwrap();
                write_all_at(&part, b"abc", 0).unwrap();
                assert_eq!(sub.open_or_create("p").unwrap().metadata().unwrap().len(), 3);
                <$folder>::touch(&part).unwrap();
                <$folder>::has_other_names(&part).unwrap();
                sub.rename_over("p", "x").unwrap();
                assert_eq!((sub.size("p").unwrap(), sub.size("x").unwrap()), (None, Some(3)));

                let mut names = Vec::new();
                root.each_name(&mut |name| names.push(name.to_owned())).unwrap();
                names.sort();
                assert_eq!(names, ["a", "z"]);
                assert!(sub.remove("x").unwrap());
                assert!(!sub.remove("x").unwrap());
                root.open_lock("lock").unwrap().try_lock().unwrap();
            }
        };
    }

    folder_contract!(a_folder_reached_by_descriptor_does_what_storage_needs, folder_unix::Folder);
    folder_contract!(a_folder_reached_by_path_does_what_storage_needs, folder_portable::Folder);

    fn text(file: Option<File>) -> String {
        let mut text = String::new();
        file.unwrap().read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn links_are_not_followed() {
        let place = tempfile::tempdir().unwrap();
        std::fs::create_dir(place.path().join("elsewhere")).unwrap();
        std::fs::write(place.path().join("elsewhere/file"), "secret").unwrap();
        std::os::unix::fs::symlink("elsewhere", place.path().join("folder")).unwrap();
        std::os::unix::fs::symlink("elsewhere/file", place.path().join("file")).unwrap();
        let root = Folder::open(place.path()).unwrap();
        assert!(root.subfolder("folder").is_err());
        assert!(root.open_file("file").is_err());
        assert!(root.size("file").is_err());
        assert!(root.open_lock("file").is_err());
        assert_eq!(root.create("file").unwrap_err().kind(), ErrorKind::AlreadyExists);
    }

    #[test]
    fn space_that_is_reserved_is_no_part_of_the_file() {
        let file = tempfile::tempfile().unwrap();
        preallocate(&file, 0, 1 << 20).unwrap();
        preallocate(&file, 1 << 20, 2 << 20).unwrap();
        assert_eq!(file.metadata().unwrap().len(), 0);
        preallocate(&file, 0, 0).unwrap();
        preallocate(&file, 5, 4).unwrap();
    }

    #[test]
    fn a_second_name_of_a_file_is_noticed() {
        let place = tempfile::tempdir().unwrap();
        let root = Folder::open(place.path()).unwrap();
        let file = root.create("a").unwrap();
        assert!(!Folder::has_other_names(&file).unwrap());
        std::fs::hard_link(place.path().join("a"), place.path().join("b")).unwrap();
        assert!(Folder::has_other_names(&file).unwrap());
    }

    #[test]
    fn bytes_beyond_the_end_are_an_error() {
        let file = tempfile::tempfile().unwrap();
        write_all_at(&file, b"abc", 0).unwrap();
        let mut bytes = [0; 2];
        read_exact_at(&file, &mut bytes, 1).unwrap();
        assert_eq!(&bytes, b"bc");
        assert_eq!(read_exact_at(&file, &mut bytes, 2).unwrap_err().kind(), ErrorKind::UnexpectedEof);
    }
}
