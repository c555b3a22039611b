//! One sync for everything on a file system, where it can be trusted.

use std::io;

/// Whether one sync of the whole file system does for each file and folder in it what their own would do, and tells
/// when it failed. Linux tells since 5.8, and only of a file system that does the work itself: one on top of another, or
/// behind a program or a network, may call it a success and have done nothing. Only ext4 was tried.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn is_trusted(folder: &std::fs::File) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;

    let device = folder.metadata()?.dev();
    let device = format!("{}:{}", rustix::fs::major(device), rustix::fs::minor(device));
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let mounts = std::fs::read_to_string("/proc/self/mountinfo")?;
    Ok(tells_failures(&release) && is_ext4(&mounts, &device))
}

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn sync(folder: &std::fs::File) -> io::Result<()> {
    Ok(rustix::fs::syncfs(folder)?)
}

#[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
#[expect(clippy::unnecessary_wraps, reason = "the same signature on every platform")]
pub(super) fn is_trusted(_folder: &std::fs::File) -> io::Result<bool> {
    Ok(false)
}

#[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
pub(super) fn sync(_folder: &std::fs::File) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn tells_failures(release: &str) -> bool {
    let mut numbers = release.split(|sign: char| !sign.is_ascii_digit()).map(str::parse::<u32>);
    matches!((numbers.next(), numbers.next()), (Some(Ok(major)), Some(Ok(minor))) if (major, minor) >= (5, 8))
}

/// A line is: number, parent, device, root, mount point, options, any number of fields, a dash, type, source, options.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn is_ext4(mounts: &str, device: &str) -> bool {
    mounts.lines().any(|line| {
        let mut fields = line.split(' ');
        fields.nth(2) == Some(device) && fields.skip_while(|field| *field != "-").nth(1) == Some("ext4")
    })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn only_a_system_that_tells_failures_is_trusted() {
        for (release, tells) in
            [("6.18.44-fc", true), ("5.8", true), ("5.7.19", false), ("4.19.0", false), ("5", false), ("x.9", false)]
        {
            assert_eq!(tells_failures(release), tells, "{release}");
        }
    }

    #[test]
    fn only_the_type_of_its_own_device_counts() {
        let mounts = "23 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n\
                      24 23 0:25 / /dev/shm rw shared:2 master:3 - tmpfs ext4 rw\n\
                      25 23 0:30 / /var rw - overlay overlay rw,lowerdir=ext4\n";
        for (device, ext4) in [("254:0", true), ("0:25", false), ("0:30", false), ("54:0", false)] {
            assert_eq!(is_ext4(mounts, device), ext4, "{device}");
        }
    }
}
