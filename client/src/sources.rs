//! What the user wants to send: files, folders, patterns and standard input, turned into a list of things
//! with a name each. Opens nothing.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use shared::wire::FileName;

use crate::failure::Failure;
use crate::reading::shown;

/// Why a pipe, a socket or a device is not sent that nobody named.
const NOT_REGULAR: &str = "not a regular file";

/// One thing to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) origin: Origin,
    /// What the server is told; `None` when the wire cannot carry it.
    pub(crate) name: Option<FileName>,
}

/// Where bytes come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A regular file and its size when it was found.
    File(PathBuf, u64),
    /// A named pipe, or a device the user named.
    Pipe(PathBuf),
    /// Standard input.
    Input,
}

impl Source {
    /// How it is called when the user is told of it.
    pub(crate) fn label(&self) -> String {
        match &self.origin {
            Origin::File(path, _) | Origin::Pipe(path) => shown(path),
            Origin::Input => "-".to_owned(),
        }
    }

    /// Whether its bytes come when somebody else likes.
    fn may_wait(&self) -> bool {
        match self.origin {
            Origin::File(..) => false,
            Origin::Pipe(_) | Origin::Input => true,
        }
    }

    /// Bytes, as far as anybody knows.
    pub(crate) fn size(&self) -> Option<u64> {
        match self.origin {
            Origin::File(_, size) => Some(size),
            Origin::Pipe(_) | Origin::Input => None,
        }
    }
}

/// What was found, and what was not.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) sources: Vec<Source>,
    /// Asked for, and cannot be sent.
    pub(crate) failures: Vec<(String, Failure)>,
    /// Lay in a folder or met a pattern, and is nothing to be sent unless it is named.
    pub(crate) skipped: Vec<(String, &'static str)>,
}

/// Finds everything `paths` stand for, in their order; folders sorted by name. What may keep everybody waiting comes
/// last: nobody can tell when somebody will write to a pipe.
pub(crate) fn find(paths: &[PathBuf], name: Option<&FileName>) -> Found {
    let mut found = Found::default();
    for path in paths {
        if path.as_os_str() == "-" {
            found.sources.push(Source { origin: Origin::Input, name: name.cloned() });
        } else {
            found.add(path, name);
        }
    }
    found.sources.sort_by_key(Source::may_wait);
    found
}

impl Found {
    fn add(&mut self, path: &Path, name: Option<&FileName>) {
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => {
                let before = self.sources.len();
                self.add_folder(path);
                // More than one file cannot have one name; whoever asked says so.
                if let (Some(name), Some([only])) = (name, self.sources.get_mut(before..)) {
                    only.name = Some(name.clone());
                }
            }
            Ok(metadata) => {
                let name = name.cloned().or_else(|| wire_name(Path::new(path.file_name()?)));
                let origin = if metadata.is_file() {
                    Origin::File(path.to_owned(), metadata.len())
                } else if is_socket(&metadata) {
                    let error = io::Error::other("a socket holds no bytes");
                    return self.fail(path, &error);
                } else {
                    Origin::Pipe(path.to_owned())
                };
                self.sources.push(Source { origin, name });
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => match path.to_str().filter(|p| is_pattern(p)) {
                Some(pattern) => self.add_pattern(pattern, name),
                None => self.fail(path, &error),
            },
            Err(error) => self.fail(path, &error),
        }
    }

    /// The shell hands a quoted pattern on as it is.
    fn add_pattern(&mut self, pattern: &str, name: Option<&FileName>) {
        let matches = match glob::glob(pattern) {
            Ok(matches) => matches,
            Err(error) => return self.fail(Path::new(pattern), &io::Error::other(error.msg)),
        };
        let count = |found: &Self| [found.sources.len(), found.failures.len(), found.skipped.len()];
        let before = count(self);
        let mut folders: Vec<PathBuf> = Vec::new();
        for entry in matches {
            match entry {
                // It came with its folder.
                Ok(path) if path.ancestors().skip(1).any(|above| folders.iter().any(|folder| folder == above)) => {}
                // Nobody asked for it, and a pipe would be waited for.
                Ok(path) if is_special(&path) => self.skipped.push((shown(&path), NOT_REGULAR)),
                Ok(path) => {
                    self.add(&path, name);
                    if path.is_dir() {
                        folders.push(path);
                    }
                }
                Err(error) => self.fail(error.path(), error.error()),
            }
        }
        if before == count(self) {
            self.fail(Path::new(pattern), &io::Error::other("no file matches this pattern"));
        }
    }

    fn add_folder(&mut self, folder: &Path) {
        // `.` and `..` have no name of their own to put in front.
        let parent = if folder.file_name().is_some() { folder.parent().unwrap_or(folder) } else { folder };
        for entry in walkdir::WalkDir::new(folder).follow_root_links(true).sort_by_file_name() {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    let path = error.path().unwrap_or(folder).to_owned();
                    let cause = error.into_io_error().unwrap_or_else(|| io::Error::other("folders in a circle"));
                    self.fail(&path, &cause);
                    continue;
                }
            };
            let path = entry.path();
            if entry.file_type().is_dir() {
                continue;
            }
            if entry.file_type().is_symlink() {
                self.skipped.push((shown(path), "a symbolic link inside a folder is not followed"));
            } else if entry.file_type().is_file() {
                match entry.metadata() {
                    Ok(metadata) => {
                        let name = wire_name(path.strip_prefix(parent).unwrap_or(path));
                        self.sources.push(Source { origin: Origin::File(path.to_owned(), metadata.len()), name });
                    }
                    Err(error) => self.fail(path, &error.into()),
                }
            } else {
                self.skipped.push((shown(path), NOT_REGULAR));
            }
        }
    }

    fn fail(&mut self, path: &Path, error: &io::Error) {
        self.failures.push((shown(path), Failure::local("cannot be sent", error)));
    }
}

fn is_pattern(path: &str) -> bool {
    path.contains(['*', '?', '['])
}

/// Whether there is something that is neither a file nor a folder.
fn is_special(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir())
}

/// The relative path with `/` between its parts, if the wire carries it.
fn wire_name(relative: &Path) -> Option<FileName> {
    let parts: Option<Vec<&str>> = relative.components().map(|part| part.as_os_str().to_str()).collect();
    FileName::from_wire(&parts?.join("/"))
}

#[cfg(unix)]
fn is_socket(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    metadata.file_type().is_socket()
}

#[cfg(not(unix))]
fn is_socket(_: &fs::Metadata) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names of what was found below `base`, `?` for a file without a name; then failures and skipped.
    fn trace(base: &Path, paths: &[&str]) -> String {
        let paths: Vec<PathBuf> =
            paths.iter().map(|path| if *path == "-" { "-".into() } else { base.join(path) }).collect();
        let found = find(&paths, None);
        let mut parts: Vec<String> = found
            .sources
            .iter()
            .map(|source| match (&source.name, &source.origin) {
                (Some(name), _) => name.as_str().to_owned(),
                (None, Origin::Input) => "-".to_owned(),
                (None, Origin::File(..) | Origin::Pipe(_)) => "?".to_owned(),
            })
            .collect();
        parts.extend(found.failures.iter().map(|(_, failure)| format!("!{failure}")));
        parts.extend(found.skipped.iter().map(|(_, why)| format!("~{why}")));
        parts.join(" ")
    }

    #[test]
    fn files_folders_patterns_and_input_are_found_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path();
        fs::create_dir_all(base.join("tree/b/c")).unwrap();
        for name in ["one.txt", "two.txt", "-dash", "tree/z", "tree/.hidden", "tree/b/ü x", "tree/b/c/d", "a[1].txt"] {
            fs::write(base.join(name), "x").unwrap();
        }
        let hidden = "cannot be sent: no such file or directory";
        for (paths, found) in [
            (&["one.txt", "-", "-dash"][..], "one.txt -dash -"),
            (&["tree"], "tree/.hidden tree/b/c/d tree/b/ü x tree/z"),
            // A path that ends in `.` still has its folder's name.
            (&["tree/."], "tree/.hidden tree/b/c/d tree/b/ü x tree/z"),
            (&["*.txt"], "a[1].txt one.txt two.txt"),
            // What a folder brings along is not sent a second time.
            (&["t*/**"], "b/c/d b/ü x"),
            (&["**/*"], "-dash a[1].txt one.txt tree/.hidden tree/b/c/d tree/b/ü x tree/z two.txt"),
            (&["a[1].txt"], "a[1].txt"),
            (&["missing", "one.txt"], &format!("one.txt !{hidden}")),
            (&["*.png"], "!cannot be sent: no file matches this pattern"),
        ] {
            assert_eq!(trace(base, paths), found, "{paths:?}");
        }
    }

    #[test]
    fn the_only_file_of_a_folder_takes_the_name_given() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("one"), "x").unwrap();
        let name = FileName::from_wire("other").unwrap();
        let found = find(&[folder.path().to_owned()], Some(&name));
        assert_eq!(found.sources.first().and_then(|source| source.name.as_ref()), Some(&name));
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_when_named_and_only_then() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path();
        fs::create_dir(base.join("tree")).unwrap();
        fs::write(base.join("file"), "x").unwrap();
        std::os::unix::fs::symlink(base.join("file"), base.join("tree/link")).unwrap();
        assert_eq!(trace(base, &["tree/link"]), "link");
        assert_eq!(trace(base, &["tree"]), "~a symbolic link inside a folder is not followed");
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_is_sent_behind_the_files_when_it_is_named_and_only_then() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path();
        fs::create_dir(base.join("tree")).unwrap();
        fs::write(base.join("tree/file"), "x").unwrap();
        crate::tests::make_pipe(&base.join("tree/pipe"));
        let _socket = std::os::unix::net::UnixListener::bind(base.join("tree/socket")).unwrap();
        let skipped = format!("~{NOT_REGULAR} ~{NOT_REGULAR}");
        assert_eq!(trace(base, &["tree/pipe", "-", "tree/file"]), "file pipe -");
        assert_eq!(trace(base, &["tree"]), format!("tree/file {skipped}"));
        assert_eq!(trace(base, &["tree/*"]), format!("file {skipped}"));
        // That is an answer too: something matched.
        assert_eq!(trace(base, &["tree/p*"]), format!("~{NOT_REGULAR}"));
    }

    #[cfg(unix)]
    #[test]
    fn a_name_the_wire_cannot_carry_is_left_out() {
        use std::os::unix::ffi::OsStrExt as _;
        let folder = tempfile::tempdir().unwrap();
        for name in [&b"back\\slash"[..], b"new\nline", b"not\xffutf8"] {
            fs::write(folder.path().join(std::ffi::OsStr::from_bytes(name)), "x").unwrap();
        }
        assert_eq!(trace(folder.path(), &["."]), "? ? ?");
    }
}
