//! The gate: the first process of a stage's container. It waits for its orders on a pipe, runs the stage's commands in
//! one shell, and reports on a second pipe what happened, in order.
//!
//! Promises: whatever the commands wrote before a mark stands before that mark; the end of the shell is the end, whoever
//! still holds its output open; the verdict is the shell's own exit, never something that was printed.
//! Absences: no crate but std and no C library of the image, since this file becomes a static program that runs in any
//! container; nothing of the orders ever stands in the container's configuration.

mod frames;
mod job;
mod orders;
mod script;
mod sys;
mod tidy;

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use frames::Events;
use job::{Verdict, run_list, run_program};
use orders::{Orders, Work};

const ORDERS: &str = "/.circle/io/orders";
const EVENTS: &str = "/.circle/io/events";
/// The gate's own code when it could not run anything: docker's code for "the engine failed".
const NOT_RUN: u8 = 125;

fn main() -> ExitCode {
    if let Some(folder) = tidy::asked() {
        return match tidy::empty(&folder) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        };
    }
    let folder = std::env::var("CIRCLE_GATE_FOLDER").ok();
    match pass(folder.as_deref()) {
        Ok(verdict) => ExitCode::from(verdict.code()),
        // Without its pipes there is nobody to tell; the container's own log is the last resort.
        Err(error) => {
            let _ = writeln!(io::stderr(), "gate: {error}");
            ExitCode::from(NOT_RUN)
        }
    }
}

/// Opens the pipes, hides them, waits, works, and says goodbye.
fn pass(folder: Option<&str>) -> io::Result<Verdict> {
    sys::hide_from_others()?;
    let place = |usual: &str, name: &str| folder.map_or(usual.to_owned(), |folder| format!("{folder}/{name}"));
    let (orders_path, events_path) = (place(ORDERS, "orders"), place(EVENTS, "events"));
    let mut orders = OpenOptions::new().read(true).open(&orders_path)?;
    let mut events = Events::new(OpenOptions::new().write(true).open(&events_path)?);
    for path in [&orders_path, &events_path] {
        // The other end removes them too; whoever is first.
        let _ = fs::remove_file(path);
    }
    events.waiting()?;
    let mut body = vec![0; read_length(&mut orders)?];
    orders.read_exact(&mut body)?;
    drop(orders);
    let verdict = match Orders::read(&body) {
        Ok(orders) => match &orders.work {
            Work::Become(argv) => return Err(become_program(&orders, argv)),
            Work::Commands { .. } | Work::Program(_) => work(&orders, &mut events)?,
        },
        Err(reason) => fail(&mut events, &format!("the orders cannot be read: {reason}"))?,
    };
    events.closed()?;
    Ok(verdict)
}

fn read_length(orders: &mut impl Read) -> io::Result<usize> {
    let mut length = [0; 4];
    orders.read_exact(&mut length)?;
    usize::try_from(u32::from_le_bytes(length)).map_err(io::Error::other)
}

/// Runs the main work, then the commands of `finally`, which change nothing about the verdict.
fn work(orders: &Orders, events: &mut Events) -> io::Result<Verdict> {
    if let Err(reason) = prepare(orders) {
        return fail(events, &reason);
    }
    let outcome = match &orders.work {
        Work::Commands { shell, commands } => run_list(orders, shell, frames::MAIN, commands, events)?,
        Work::Program(argv) | Work::Become(argv) => run_program(orders, argv, events)?,
    };
    let verdict = match outcome {
        Ok(verdict) => {
            events.finished(verdict)?;
            verdict
        }
        Err(reason) => fail(events, &reason)?,
    };
    if !orders.finally.is_empty() {
        let shell = orders.shell_of_finally();
        // A second shell of the same kind; when even that does not start, the first has said so already.
        let _ = run_list(orders, &shell, frames::FINALLY, &orders.finally, events)?;
    }
    Ok(verdict)
}

fn fail(events: &mut Events, reason: &str) -> io::Result<Verdict> {
    events.failed(reason)?;
    Ok(Verdict::Code(i32::from(NOT_RUN)))
}

/// Becomes the program: the first process of the container, with the container's own output. Gives why not; whoever reads
/// the container's output is told.
fn become_program(orders: &Orders, argv: &[String]) -> io::Error {
    if let Err(reason) = prepare(orders) {
        return io::Error::other(reason);
    }
    let Some((program, words)) = argv.split_first() else {
        return io::Error::other("no program is named");
    };
    let environment = orders.environment.iter().map(|(name, value)| (name, value));
    let error = Command::new(program).args(words).envs(environment).exec();
    io::Error::other(format!(
        "the program {program} cannot be started in this image: {error}"
    ))
}

fn prepare(orders: &Orders) -> Result<(), String> {
    enter(&orders.directory, &orders.workspace)?;
    orders
        .files
        .iter()
        .try_for_each(|(path, content)| write_file(path, content))
}

/// Readable for the container's user alone, who is the gate's.
fn write_file(path: &str, content: &str) -> Result<(), String> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o400).open(path);
    made.and_then(|mut file| file.write_all(content.as_bytes()))
        .map_err(|error| format!("the file {path} cannot be written: {error}"))
}

/// Goes to the working directory. Made when missing, but only beneath the workspace: elsewhere it is the image's.
fn enter(directory: &str, workspace: &str) -> Result<(), String> {
    let beneath = directory == workspace
        || directory
            .strip_prefix(workspace)
            .is_some_and(|rest| rest.starts_with('/'));
    if beneath && !directory.split('/').any(|part| part == "..") {
        fs::create_dir_all(directory)
            .map_err(|error| format!("the working directory {directory} cannot be made: {error}"))?;
    }
    std::env::set_current_dir(directory)
        .map_err(|error| format!("the working directory {directory} cannot be entered: {error}"))
}
