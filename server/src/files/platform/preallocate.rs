//! Space for a file before its bytes are there.

use std::fs::File;
use std::io;

/// Reserves space for the bytes from `from` up to `end` and leaves the length alone, so that the file never
/// shows bytes that nobody wrote. Where the system cannot, nothing is reserved and a full disk shows later.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(in crate::files) fn preallocate(file: &File, from: u64, end: u64) -> io::Result<()> {
    use rustix::fs::{FallocateFlags, fallocate, fstatfs, fstatvfs};
    use rustix::io::Errno;

    let size = end.saturating_sub(from);
    if size == 0 {
        return Ok(());
    }
    let disk = fstatvfs(file)?;
    if size > disk.f_bavail.saturating_mul(disk.f_frsize) {
        // Trying would fill the disk first, and everybody else's uploads would fail with this one.
        return Err(Errno::NOSPC.into());
    }
    // A file system in memory (its number is from statfs(2)) reserves by writing, which the client would wait for.
    if fstatfs(file)?.f_type == 0x0102_1994 {
        return Ok(());
    }
    match fallocate(file, FallocateFlags::KEEP_SIZE, from, size) {
        Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Elsewhere a full disk shows when the bytes are written.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(in crate::files) fn preallocate(_file: &File, _from: u64, _end: u64) -> io::Result<()> {
    Ok(())
}
