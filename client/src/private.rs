//! Files and folders only the user can read. What differs between systems is here.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

/// Creates a folder, and those above it, for the user alone; one that is there stays as it is.
pub(crate) fn create_folder(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Opens a file for writing, creating it for the user alone. Elsewhere than on Unix the user's profile
/// folder is what protects it.
pub(crate) fn create_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Whether others than its owner may use a file.
#[cfg(unix)]
pub(crate) fn is_open_to_others(file: &File) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(file.metadata()?.permissions().mode() & 0o077 != 0)
}

/// Elsewhere the user's profile folder is what protects it.
#[cfg(not(unix))]
pub(crate) fn is_open_to_others(_: &File) -> io::Result<bool> {
    Ok(false)
}
