//! Starts one process of the cell.

use std::convert::Infallible;
use std::ffi::CString;
use std::fs;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use nix::sys::prctl;
use nix::sys::signal::{SigSet, SigmaskHow, sigprocmask};
use nix::unistd::{ForkResult, Gid, Pid, Uid, chdir, dup2_stderr, dup2_stdin, dup2_stdout, execve, fork, setgroups};
use nix::unistd::{setgid, setsid, setuid};

use super::order::{Run, Words};
use super::sandbox::see_only;
use super::tools::Outcome;

/// How a child says that it did not become the program: it writes the reason to its errors and ends with this code, as
/// shells do.
const NOT_STARTED: i32 = 127;

/// Forks and starts the program. Returns as soon as the child exists; a program that cannot be started ends with code
/// 127 and a sentence on its standard error.
pub(super) fn run(orders: Run, descriptors: Vec<OwnedFd>) -> Outcome<Pid> {
    let [stdin, stdout, stderr] =
        <[OwnedFd; 3]>::try_from(descriptors).map_err(|_| "three descriptors must come with a process".to_owned())?;
    #[expect(unsafe_code, reason = "fork is how a process comes into being")]
    // SAFETY: init has one thread only, so the child may run ordinary code; it never returns from `become_program`.
    match unsafe { fork() }.map_err(|error| format!("fork: {error}"))? {
        ForkResult::Parent { child } => Ok(child),
        ForkResult::Child => {
            let reason = match become_program(orders, &stdin, &stdout, &stderr) {
                Ok(never) => match never {},
                Err(reason) => reason,
            };
            let _ = writeln!(io::stderr(), "the process could not be started: {reason}");
            std::process::exit(NOT_STARTED)
        }
    }
}

fn become_program(orders: Run, stdin: &OwnedFd, stdout: &OwnedFd, stderr: &OwnedFd) -> Outcome<Infallible> {
    let say = |what: &'static str| move |error: nix::Error| format!("{what}: {error}");
    dup2_stdin(stdin.as_fd()).map_err(say("connect the input"))?;
    dup2_stdout(stdout.as_fd()).map_err(say("connect the output"))?;
    dup2_stderr(stderr.as_fd()).map_err(say("connect the errors"))?;
    setsid().map_err(say("a session of its own"))?;
    for group in &orders.cgroups {
        let file = group.join("cgroup.procs");
        fs::write(&file, "0").map_err(|error| format!("join {}: {error}", file.display()))?;
    }
    if let Some(folders) = &orders.only {
        see_only(folders)?;
    }
    let argv = words(orders.argv)?;
    let environment = words(orders.environment)?;
    let directory = orders.directory.into_bytes();
    let Some(program) = argv.first().cloned() else {
        return Err("there is no program".to_owned());
    };
    if let Some((uid, gid)) = orders.user {
        setgroups(&[]).map_err(say("leave all groups"))?;
        setgid(Gid::from_raw(gid)).map_err(say("take the group"))?;
        setuid(Uid::from_raw(uid)).map_err(say("take the user"))?;
        prctl::set_no_new_privs().map_err(say("give up new privileges"))?;
    }
    chdir(Path::new(
        <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(&directory),
    ))
    .map_err(|error| format!("enter {}: {error}", String::from_utf8_lossy(&directory)))?;
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None).map_err(say("hear all signals"))?;
    execve(&program, &argv, &environment).map_err(|error| format!("{}: {error}", program.to_string_lossy()))
}

fn words(words: Vec<Words>) -> Outcome<Vec<CString>> {
    words
        .into_iter()
        .map(|word| CString::new(word.into_bytes()).map_err(|_| "an argument holds a NUL byte".to_owned()))
        .collect()
}
