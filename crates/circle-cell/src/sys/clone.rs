//! Starts a program in new namespaces.

use std::ffi::{CStr, CString, c_char};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::libc;

/// The descriptor on which the new program finds its control socket.
const CONTROL_FD: i32 = 3;

/// The kernel's `struct clone_args`, first version (clone3(2)).
#[repr(C)]
#[derive(Default)]
struct CloneArguments {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
}

/// A program that was started in namespaces of its own.
#[derive(Debug)]
pub(crate) struct Newborn {
    /// Its process id in the host's namespace.
    pub(crate) pid: i32,
    /// Its process, for signals and for its end.
    pub(crate) pidfd: OwnedFd,
}

/// Starts the program as PID 1 of new PID, mount, network, IPC and UTS namespaces, with an empty environment but for
/// `PATH`, the control socket as descriptor 3, `log` as output and errors, and nothing else open.
pub(crate) fn clone_into_namespaces(
    argv: &[CString],
    control: BorrowedFd<'_>,
    log: BorrowedFd<'_>,
    null: BorrowedFd<'_>,
) -> io::Result<Newborn> {
    let mut words: Vec<*const c_char> = argv.iter().map(|word| word.as_ptr()).collect();
    words.push(std::ptr::null());
    let environment = [
        c"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".as_ptr(),
        std::ptr::null(),
    ];
    let descriptors = [null.as_raw_fd(), log.as_raw_fd(), log.as_raw_fd(), control.as_raw_fd()];
    let mut pidfd: libc::c_int = -1;
    let namespaces =
        libc::CLONE_NEWNS | libc::CLONE_NEWPID | libc::CLONE_NEWNET | libc::CLONE_NEWIPC | libc::CLONE_NEWUTS;
    let mut arguments = CloneArguments {
        flags: u64::from((namespaces | libc::CLONE_PIDFD).cast_unsigned()),
        pidfd: (&raw mut pidfd) as u64,
        exit_signal: u64::from(libc::SIGCHLD.cast_unsigned()),
        ..CloneArguments::default()
    };
    // SAFETY: without CLONE_VM the child has its own copy of this memory. It runs `become_program` only, which calls
    // nothing but async-signal-safe system calls on memory prepared above, and never returns.
    let pid = unsafe { libc::syscall(libc::SYS_clone3, &raw mut arguments, size_of::<CloneArguments>()) };
    match pid {
        0 => become_program(&words, &environment, descriptors),
        pid if pid > 0 => Ok(Newborn {
            pid: i32::try_from(pid).map_err(io::Error::other)?,
            // SAFETY: the kernel stored a new descriptor that nobody else owns.
            pidfd: unsafe { OwnedFd::from_raw_fd(pidfd) },
        }),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Takes the control socket that [`clone_into_namespaces`] left for the new program; `None` when there is none.
pub(crate) fn control_socket() -> Option<OwnedFd> {
    // SAFETY: asking for a descriptor's flags and setting one of them changes no memory.
    let is_open = unsafe { libc::fcntl(CONTROL_FD, libc::F_SETFD, libc::FD_CLOEXEC) } == 0;
    // SAFETY: the descriptor is open, and by convention it was left for the one caller of this function.
    is_open.then(|| unsafe { OwnedFd::from_raw_fd(CONTROL_FD) })
}

/// The child's part. Runs between clone and exec in a copy of a process with threads: no allocation, no lock.
fn become_program(words: &[*const c_char], environment: &[*const c_char], descriptors: [i32; 4]) -> ! {
    // SAFETY: only async-signal-safe calls. The numbers are lifted above 3 first, so that no descriptor is overwritten
    // before it was copied; the arrays end with null and their words live in the copied memory.
    unsafe {
        let mut lifted = [0; 4];
        for (number, descriptor) in descriptors.iter().enumerate() {
            lifted[number] = libc::fcntl(*descriptor, libc::F_DUPFD, 10);
        }
        for (number, descriptor) in lifted.iter().enumerate() {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_possible_wrap,
                reason = "four descriptors"
            )]
            libc::dup2(*descriptor, number as i32);
        }
        libc::syscall(libc::SYS_close_range, CONTROL_FD + 1, libc::c_uint::MAX, 0);
        let mut nothing: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut nothing);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const nothing, std::ptr::null_mut());
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
        libc::execve(words[0], words.as_ptr(), environment.as_ptr());
        let complaint: &CStr = c"the cell's init could not be started\n";
        libc::write(2, complaint.as_ptr().cast(), complaint.count_bytes());
        libc::_exit(127)
    }
}
