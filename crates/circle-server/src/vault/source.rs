//! Where the master keys come from: a file of the server's own, or a command of the operator's.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::keys::{MasterKey, VaultError, load_or_make, parse};

/// A command that takes longer is given up.
const COMMAND_TIME: Duration = Duration::from_secs(30);
/// How often it is looked whether the command has ended.
const COMMAND_LOOK: Duration = Duration::from_millis(20);
/// Most bytes that a command may print: a thousand keys.
const COMMAND_BYTES: u64 = 64 * 1024;

/// Where the master keys come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// A file, made with one new key when it is missing.
    File(PathBuf),
    /// A program and its arguments; what it prints is what the file would hold. No shell reads it.
    Command(Vec<String>),
}

impl KeySource {
    /// Reads the keys anew.
    pub(super) fn load(&self) -> Result<Vec<MasterKey>, VaultError> {
        match self {
            Self::File(path) => load_or_make(path),
            Self::Command(words) => {
                let program = words.first().map_or("", String::as_str);
                let printed = printed(words).map_err(|why| VaultError::Command {
                    program: program.to_owned(),
                    why,
                })?;
                parse(Path::new(program), &printed)
            }
        }
    }
}

/// What the command prints. What it says on the way to an operator stays on the server's standard error.
fn printed(words: &[String]) -> Result<Zeroizing<String>, String> {
    let (program, arguments) = words.split_first().ok_or("it is empty")?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    let stdout = child.stdout.take().ok_or("it has no output")?;
    let reader = std::thread::spawn(move || {
        let mut text = Zeroizing::new(String::new());
        stdout.take(COMMAND_BYTES).read_to_string(&mut text).map(|_| text)
    });
    let began = Instant::now();
    let status = loop {
        match child.try_wait().map_err(|error| error.to_string())? {
            Some(status) => break status,
            None if began.elapsed() > COMMAND_TIME => {
                let ended = child.kill().and_then(|()| child.wait());
                return Err(format!("it takes longer than {} s ({ended:?})", COMMAND_TIME.as_secs()));
            }
            None => std::thread::sleep(COMMAND_LOOK),
        }
    };
    if !status.success() {
        return Err(format!("it ended with {status}"));
    }
    let text = reader.join().map_err(|_| "its output cannot be read".to_owned())?;
    text.map_err(|error| error.to_string())
}
