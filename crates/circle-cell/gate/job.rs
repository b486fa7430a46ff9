//! One shell or one program, from its start to its end.

use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{ChildStderr, ChildStdout, Command, Stdio};
use std::time::Instant;

use crate::frames::{Events, MAIN};
use crate::orders::Orders;
use crate::script::{Mark, parse_mark, script};
use crate::sys;

/// Where the script finds its marks.
const MARKS: i32 = 9;
/// Where a long script lies.
const SCRIPT: i32 = 8;
/// Linux takes no argument of more than 128 KiB; a longer script goes through a file.
const LONGEST_ARGUMENT: usize = 100 * 1024;
/// The largest piece of output in one frame.
const PIECE: usize = 64 * 1024;
/// A mark is a letter, a number and a line feed.
const LONGEST_MARK: usize = 16;

/// How the work ended.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Verdict {
    Code(i32),
    Signal(i32),
}

impl Verdict {
    /// As a shell says it.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Code(code) => u8::try_from(code).unwrap_or(u8::MAX),
            Self::Signal(signal) => u8::try_from(128 + signal).unwrap_or(u8::MAX),
        }
    }
}

/// Runs the commands in one shell. The inner error is a sentence: the shell could not be started.
pub(crate) fn run_list(
    orders: &Orders,
    shell: &[String],
    list: u8,
    commands: &[String],
    events: &mut Events,
) -> io::Result<Result<Verdict, String>> {
    let Some((program, flags)) = shell.split_first() else {
        return Ok(Err("no shell is named".to_owned()));
    };
    let (ours, theirs) = UnixStream::pair()?;
    let mut given = vec![(OwnedFd::from(theirs), MARKS)];
    let mut command = Command::new(program);
    command.args(flags);
    let script = script(commands);
    if script.len() <= LONGEST_ARGUMENT {
        command.args(["-c", &script, program]);
    } else {
        given.push((script_file(&script)?, SCRIPT));
        command.arg(format!("/proc/self/fd/{SCRIPT}"));
    }
    sys::give(&mut command, given);
    match start(orders, command, list, Some(ours)) {
        Ok(job) => job.run(events).map(Ok),
        Err(error) => Ok(Err(format!(
            "the shell {program} cannot be started in this image: {error}"
        ))),
    }
}

/// Runs one program, which counts as one command.
pub(crate) fn run_program(
    orders: &Orders,
    argv: &[String],
    events: &mut Events,
) -> io::Result<Result<Verdict, String>> {
    let Some((program, words)) = argv.split_first() else {
        return Ok(Err("no program is named".to_owned()));
    };
    let mut command = Command::new(program);
    command.args(words);
    sys::give(&mut command, Vec::new());
    match start(orders, command, MAIN, None) {
        Ok(mut job) => {
            job.begin(0, events)?;
            job.run(events).map(Ok)
        }
        Err(error) => Ok(Err(format!(
            "the program {program} cannot be started in this image: {error}"
        ))),
    }
}

/// The first line closes the file for the commands; the shell itself reads it through a descriptor of its own.
fn script_file(script: &str) -> io::Result<OwnedFd> {
    let mut file = std::fs::File::from(sys::memory_file()?);
    writeln!(file, "exec {SCRIPT}<&-")?;
    file.write_all(script.as_bytes())?;
    file.rewind()?;
    Ok(file.into())
}

fn start(orders: &Orders, mut command: Command, list: u8, marks: Option<UnixStream>) -> io::Result<Job> {
    let deaths = sys::watch_children()?;
    let mut child = command
        .envs(orders.environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    // What the command still holds would keep the shell's end of the marks open.
    drop(command);
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let pid = i32::try_from(child.id()).map_err(io::Error::other)?;
    Ok(Job {
        pid,
        deaths,
        stdout,
        stderr,
        marks,
        line: Vec::new(),
        list,
        open: None,
    })
}

struct Job {
    pid: i32,
    deaths: OwnedFd,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    marks: Option<UnixStream>,
    /// The beginning of a mark.
    line: Vec<u8>,
    list: u8,
    /// The command that runs, and since when.
    open: Option<(u32, Instant)>,
}

impl Job {
    fn run(mut self, events: &mut Events) -> io::Result<Verdict> {
        loop {
            let ready = sys::wait(&[
                Some(self.deaths.as_fd()),
                self.stdout.as_ref().map(AsFd::as_fd),
                self.stderr.as_ref().map(AsFd::as_fd),
                self.marks.as_ref().map(AsFd::as_fd),
            ])?;
            if ready[1] {
                self.forward_output(events)?;
            }
            if ready[2] {
                self.forward_errors(events)?;
            }
            if ready[3] {
                self.read_mark(events)?;
            }
            if ready[0] {
                let mut signals = [0; 128];
                while sys::read_some(self.deaths.as_fd(), &mut signals).is_ok_and(|length| length > 0) {}
                if let Some(status) = sys::reap(self.pid) {
                    return self.end(status, events);
                }
            }
        }
    }

    fn forward_output(&mut self, events: &mut Events) -> io::Result<()> {
        if let Some(pipe) = &self.stdout
            && !forward(pipe.as_fd(), 1, PIECE, events)?
        {
            self.stdout = None;
        }
        Ok(())
    }

    fn forward_errors(&mut self, events: &mut Events) -> io::Result<()> {
        if let Some(pipe) = &self.stderr
            && !forward(pipe.as_fd(), 2, PIECE, events)?
        {
            self.stderr = None;
        }
        Ok(())
    }

    /// One byte at a time: marks are rare and short, and the shell waits after each.
    fn read_mark(&mut self, events: &mut Events) -> io::Result<()> {
        let Some(marks) = &mut self.marks else { return Ok(()) };
        let mut byte = [0];
        if marks.read(&mut byte).unwrap_or(0) == 0 || self.line.len() > LONGEST_MARK {
            self.marks = None;
            return Ok(());
        }
        self.line.push(byte[0]);
        if byte[0] != b'\n' {
            return Ok(());
        }
        self.drain(events)?;
        match (parse_mark(&std::mem::take(&mut self.line)), self.open) {
            (Some(Mark::Begin(index)), None) => self.begin(index, events)?,
            (Some(Mark::End(index)), Some((open, since))) if open == index => {
                self.open = None;
                events.end(self.list, index, 0, since.elapsed())?;
            }
            // Not what the script writes now: whoever wrote it, it changes nothing.
            _ => {}
        }
        if let Some(marks) = &mut self.marks {
            // A shell that does not wait for the answer is about to end, which is noticed elsewhere.
            let _ = marks.write_all(b"\n");
        }
        Ok(())
    }

    fn begin(&mut self, index: u32, events: &mut Events) -> io::Result<()> {
        self.open = Some((index, Instant::now()));
        events.begin(self.list, index)
    }

    /// Forwards what the pipes hold at this moment, however much others go on writing.
    fn drain(&mut self, events: &mut Events) -> io::Result<()> {
        if let Some(pipe) = &self.stdout {
            drain(pipe.as_fd(), 1, events)?;
        }
        if let Some(pipe) = &self.stderr {
            drain(pipe.as_fd(), 2, events)?;
        }
        Ok(())
    }

    fn end(mut self, status: sys::Status, events: &mut Events) -> io::Result<Verdict> {
        self.drain(events)?;
        let verdict = status.signal().map_or(Verdict::Code(status.code()), Verdict::Signal);
        if let Some((index, since)) = self.open.take() {
            events.end(self.list, index, i32::from(verdict.code()), since.elapsed())?;
        }
        Ok(verdict)
    }
}

fn drain(pipe: BorrowedFd<'_>, stream: u8, events: &mut Events) -> io::Result<()> {
    let mut held = sys::held_bytes(pipe);
    while held > 0 {
        let before = held;
        held = held.saturating_sub(PIECE);
        if !forward(pipe, stream, before.min(PIECE), events)? {
            break;
        }
    }
    Ok(())
}

/// Forwards one piece; `false` at the end of the pipe.
fn forward(pipe: BorrowedFd<'_>, stream: u8, most: usize, events: &mut Events) -> io::Result<bool> {
    let mut buffer = vec![0; most];
    match sys::read_some(pipe, &mut buffer) {
        Ok(0) => Ok(false),
        Ok(length) => events.output(stream, &buffer[..length]).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(true),
        Err(error) => Err(error),
    }
}
