//! The file systems' own calls: shared extents, and how btrfs counts.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;

use nix::libc;

/// `FICLONE` (ioctl_ficlone(2)).
const CLONE: libc::c_ulong = 0x4004_9409;
/// `BTRFS_IOC_QUOTA_CTL` and its command "simple quotas" (linux/btrfs.h).
const QUOTA: libc::c_ulong = 0xc010_9428;
const SIMPLE: u64 = 4;
/// `BTRFS_IOC_FS_INFO`: the identity stands behind two numbers.
const INFORMATION: libc::c_ulong = 0x8400_941f;
const INFORMATION_BYTES: usize = 1024;
const ID: std::ops::Range<usize> = 16..32;

/// Lets `copy` share every extent of `source`.
pub(crate) fn clone_file(source: &File, copy: &File) -> io::Result<()> {
    // SAFETY: both descriptors are open for the length of the call, which touches no memory of this process.
    checked(unsafe { libc::ioctl(copy.as_raw_fd(), CLONE, source.as_raw_fd()) })
}

/// Makes a btrfs file system count by who wrote first.
pub(crate) fn enable_simple_quota(folder: &Path) -> io::Result<()> {
    let folder = File::open(folder)?;
    let mut wish: [u64; 2] = [SIMPLE, 0];
    // SAFETY: the kernel reads and writes the two numbers behind the pointer, which outlive the call.
    checked(unsafe { libc::ioctl(folder.as_raw_fd(), QUOTA, wish.as_mut_ptr()) })
}

/// The identity of the btrfs file system that a folder lies on, as the kernel spells it in sysfs.
pub(crate) fn btrfs_id(folder: &Path) -> io::Result<String> {
    let folder = File::open(folder)?;
    let mut answer = [0_u8; INFORMATION_BYTES];
    // SAFETY: the kernel writes at most this many bytes behind the pointer, which outlive the call.
    checked(unsafe { libc::ioctl(folder.as_raw_fd(), INFORMATION, answer.as_mut_ptr()) })?;
    let hex: String = answer[ID].iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    ))
}

fn checked(outcome: libc::c_int) -> io::Result<()> {
    match outcome {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}
