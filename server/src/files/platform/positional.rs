//! Reading and writing at explicit offsets; all of the bytes or an error.

use std::fs::File;
use std::io;

#[cfg(unix)]
pub(in crate::files) fn write_all_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, offset)
}

#[cfg(unix)]
pub(in crate::files) fn read_exact_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset)
}

/// A file of ours has one writer, so that seeking and writing may be two steps.
#[cfg(not(unix))]
pub(in crate::files) fn write_all_at(mut file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    io::Seek::seek(&mut file, io::SeekFrom::Start(offset))?;
    io::Write::write_all(&mut file, bytes)
}

/// A file is opened for each reader, so that seeking and reading may be two steps.
#[cfg(not(unix))]
pub(in crate::files) fn read_exact_at(mut file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    io::Seek::seek(&mut file, io::SeekFrom::Start(offset))?;
    io::Read::read_exact(&mut file, bytes)
}
