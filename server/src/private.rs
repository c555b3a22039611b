//! Files that only the server's user may read or write, beside the stored ones. What differs between systems is here.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

/// Makes a file, and the folders it is in, for nobody but us, and durably; one that is there keeps what is in it.
pub(crate) fn make_file(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut make = fs::DirBuilder::new();
    make.recursive(true);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
        make.mode(0o700);
        options.mode(0o600);
    }
    make.create(folder)?;
    let file = options.open(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
    }
    file.sync_all()?;
    sync_folder(folder)?;
    // The folder itself may be as new as the file in it.
    folder.parent().filter(|above| !above.as_os_str().is_empty()).map_or(Ok(()), sync_folder)
}

/// Makes a file for nobody but us and opens it for writing; what was in it is gone.
pub(crate) fn replace_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let file = options.open(path)?;
    // It may have been there already, open to others.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
    }
    Ok(file)
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

/// The mode of a file that others than its owner may use; `None`: they may not. Asked of the open file, so that nobody
/// can put another one in its place in between.
#[cfg(unix)]
pub(crate) fn mode_for_others(file: &File) -> io::Result<Option<u32>> {
    use std::os::unix::fs::PermissionsExt as _;

    let mode = file.metadata()?.permissions().mode() & 0o777;
    Ok((mode & 0o077 != 0).then_some(mode))
}

/// Other systems have no such mode; who may read the file is left to the operator.
#[cfg(not(unix))]
pub(crate) fn mode_for_others(_: &File) -> io::Result<Option<u32>> {
    Ok(None)
}
