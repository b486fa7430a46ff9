//! The system calls that std does not offer, by hand: this program has no crates.

#![expect(unsafe_code, reason = "the C library's calls are declared and called by hand")]

use std::ffi::{c_int, c_ulong, c_void};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

const PR_SET_DUMPABLE: c_int = 4;
const SIG_BLOCK: c_int = 0;
const SIGCHLD: c_int = 17;
const SFD_NONBLOCK: c_int = 0o4000;
const SFD_CLOEXEC: c_int = 0o2_000_000;
const POLLIN: i16 = 1;
const POLLHUP: i16 = 16;
const POLLERR: i16 = 8;
const WNOHANG: c_int = 1;
const FIONREAD: c_ulong = 0x541B;

/// `sigset_t` of Linux' C libraries: 1024 bits.
#[repr(C)]
struct SignalSet([u64; 16]);

#[repr(C)]
struct PollEntry {
    descriptor: c_int,
    events: i16,
    happened: i16,
}

// SAFETY: the signatures are those of Linux' C libraries on 64-bit machines; each call below says why it is sound.
unsafe extern "C" {
    fn prctl(option: c_int, argument: c_ulong, ...) -> c_int;
    fn sigemptyset(set: *mut SignalSet) -> c_int;
    fn sigaddset(set: *mut SignalSet, signal: c_int) -> c_int;
    fn sigprocmask(how: c_int, set: *const SignalSet, before: *mut SignalSet) -> c_int;
    fn signalfd(descriptor: c_int, set: *const SignalSet, flags: c_int) -> c_int;
    fn poll(entries: *mut PollEntry, count: c_ulong, timeout_ms: c_int) -> c_int;
    fn waitpid(pid: c_int, status: *mut c_int, options: c_int) -> c_int;
    fn ioctl(descriptor: c_int, request: c_ulong, ...) -> c_int;
    fn dup2(from: c_int, to: c_int) -> c_int;
    fn setsid() -> c_int;
    fn memfd_create(name: *const std::ffi::c_char, flags: std::ffi::c_uint) -> c_int;
    fn read(descriptor: c_int, buffer: *mut c_void, count: usize) -> isize;
}

/// How a process ended, as `waitpid` packs it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Status(c_int);

impl Status {
    pub(crate) fn signal(self) -> Option<i32> {
        let signal = self.0 & 0x7f;
        (signal != 0).then_some(signal)
    }

    pub(crate) fn code(self) -> i32 {
        (self.0 >> 8) & 0xff
    }
}

/// Makes this process's descriptors and memory invisible to other processes of the same user.
pub(crate) fn hide_from_others() -> io::Result<()> {
    // SAFETY: this option takes one integer.
    check(unsafe { prctl(PR_SET_DUMPABLE, 0) }).map(drop)
}

/// A descriptor that is readable when a child has ended.
pub(crate) fn watch_children() -> io::Result<OwnedFd> {
    let mut set = SignalSet([0; 16]);
    // SAFETY: the set lives for the length of the calls, which write to and read from it only.
    unsafe {
        check(sigemptyset(&raw mut set))?;
        check(sigaddset(&raw mut set, SIGCHLD))?;
        check(sigprocmask(SIG_BLOCK, &raw const set, std::ptr::null_mut()))?;
        let descriptor = check(signalfd(-1, &raw const set, SFD_NONBLOCK | SFD_CLOEXEC))?;
        Ok(OwnedFd::from_raw_fd(descriptor))
    }
}

/// Waits until one of the descriptors has something, or is closed at its other end.
pub(crate) fn wait(descriptors: &[Option<BorrowedFd<'_>>]) -> io::Result<Vec<bool>> {
    let mut entries: Vec<PollEntry> = descriptors
        .iter()
        .map(|descriptor| PollEntry {
            // A negative number is passed over (poll(2)).
            descriptor: descriptor.map_or(-1, |descriptor| descriptor.as_raw_fd()),
            events: POLLIN,
            happened: 0,
        })
        .collect();
    loop {
        // SAFETY: the array has as many entries as are told.
        match check(unsafe { poll(entries.as_mut_ptr(), entries.len() as c_ulong, -1) }) {
            Ok(_) => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(entries
        .iter()
        .map(|entry| entry.happened & (POLLIN | POLLHUP | POLLERR) != 0)
        .collect())
}

/// Takes every dead child; returns the status of `pid` if it is among them.
pub(crate) fn reap(pid: i32) -> Option<Status> {
    let mut found = None;
    loop {
        let mut status = 0;
        // SAFETY: the status lives for the length of the call.
        match unsafe { waitpid(-1, &raw mut status, WNOHANG) } {
            ended if ended == pid => found = Some(Status(status)),
            ended if ended > 0 => {}
            _ => return found,
        }
    }
}

/// How many bytes a pipe holds right now.
pub(crate) fn held_bytes(pipe: BorrowedFd<'_>) -> usize {
    let mut held: c_int = 0;
    // SAFETY: this request writes one integer, which lives for the length of the call.
    match unsafe { ioctl(pipe.as_raw_fd(), FIONREAD, &raw mut held) } {
        0 => usize::try_from(held).unwrap_or(0),
        _ => 0,
    }
}

/// Reads what is there, at most `buffer`.
pub(crate) fn read_some(pipe: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    // SAFETY: the buffer is as long as is told.
    let length = unsafe { read(pipe.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len()) };
    usize::try_from(length).map_err(|_| io::Error::last_os_error())
}

/// A nameless file in memory, open in children too.
pub(crate) fn memory_file() -> io::Result<OwnedFd> {
    // SAFETY: the name ends with a zero byte; the kernel returns a new descriptor that nobody else owns.
    unsafe { Ok(OwnedFd::from_raw_fd(check(memfd_create(c"commands".as_ptr(), 0))?)) }
}

/// Lets the child find these descriptors under these numbers, in a session of its own.
pub(crate) fn give(command: &mut Command, descriptors: Vec<(OwnedFd, c_int)>) {
    // SAFETY: between fork and exec the closure only makes async-signal-safe calls.
    unsafe {
        command.pre_exec(move || {
            setsid();
            for (descriptor, number) in &descriptors {
                check(dup2(descriptor.as_raw_fd(), *number))?;
            }
            Ok(())
        });
    }
}

fn check(result: c_int) -> io::Result<c_int> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}
