//! A program of a few lines that gives git what opens the repository, as long as this lives.
//!
//! The secret is written into a named pipe when the program reads it, and never into a file. Several questions (a
//! submodule on the same host) get the same answer.

use std::os::unix::fs::{OpenOptionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::stat::Mode;
use secrecy::{ExposeSecret, SecretString};
use tokio::io::AsyncWriteExt;
use tokio::net::unix::pipe;
use tokio::task::JoinSet;

use crate::credential::{Credential, Login};
use crate::{askpass, deploy_key};

/// How often the pipe is looked at for a reader; a pipe without one cannot be opened for writing.
const LOOK_PERIOD: Duration = Duration::from_millis(10);
/// The pipe's name.
const PIPE: &str = "helper.pipe";
/// The program's name.
const PROGRAM: &str = "helper";

/// The program, its pipe, and who fills the pipe. Dropping it removes the files.
#[derive(Debug)]
pub struct Helper {
    folder: PathBuf,
    seen_as: PathBuf,
    kind: Kind,
    _feeder: JoinSet<()>,
}

/// How git is brought to use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// git asks it for user name and password.
    Askpass,
    /// It runs git beside an agent that holds the key.
    Key,
}

/// Why there is no helper.
#[derive(Debug, thiserror::Error)]
pub enum HelperError {
    /// A value that cannot be handed over.
    #[error("the {what} is empty, too long, or has a line break")]
    Unfit { what: &'static str },
    /// The origin is no origin.
    #[error("\"{origin}\" is no scheme://host[:port]")]
    Origin { origin: String },
    /// The folder could not be used.
    #[error("could not write {}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
}

impl Helper {
    /// Makes the program in `folder`, which must be private to the user who runs git; `seen_as` is that folder's path
    /// where git runs, and `owner` whom the files must belong to.
    ///
    /// # Errors
    /// [`HelperError`]; nothing of the secret is written.
    pub fn start(
        folder: &Path,
        seen_as: &Path,
        credential: &Credential,
        owner: Option<(u32, u32)>,
    ) -> Result<Self, HelperError> {
        let pipe = folder.join(PIPE);
        let (kind, files, line) = match &credential.login {
            Login::Password { username, password } => {
                let text = askpass::script(&credential.origin, username, password, &seen_as.join(PIPE))?;
                (Kind::Askpass, vec![(PROGRAM, text)], password.clone())
            }
            Login::Key { private_key, host_keys } => {
                let files = vec![
                    (PROGRAM, deploy_key::script(seen_as, &seen_as.join(PIPE))),
                    (deploy_key::KNOWN_HOSTS, deploy_key::known_hosts(host_keys)),
                ];
                (Kind::Key, files, deploy_key::line(private_key)?)
            }
        };
        let helper = Self {
            folder: folder.to_owned(),
            seen_as: seen_as.to_owned(),
            kind,
            _feeder: JoinSet::new(),
        };
        // What a killed predecessor left; that it is not there is the ordinary case.
        helper.remove();
        nix::unistd::mkfifo(&pipe, Mode::S_IRUSR | Mode::S_IWUSR).map_err(|errno| failed(&pipe)(errno.into()))?;
        for (name, text) in &files {
            let path = folder.join(name);
            write_private(&path, text).map_err(failed(&path))?;
        }
        if let Some((user, group)) = owner {
            for path in files.iter().map(|(name, _)| folder.join(name)).chain([pipe.clone()]) {
                chown(&path, Some(user), Some(group)).map_err(failed(&path))?;
            }
        }
        Ok(helper.fed(pipe, line))
    }

    fn fed(mut self, pipe: PathBuf, line: SecretString) -> Self {
        self._feeder.spawn(feed(pipe, line));
        self
    }

    /// The program that git asks for a password, if that is what this is.
    pub(crate) fn asked(&self) -> Option<PathBuf> {
        (self.kind == Kind::Askpass).then(|| self.seen_as.join(PROGRAM))
    }

    /// What stands before `git` in the argument vector, and the ssh that git is to start, if this holds a key.
    pub(crate) fn around(&self) -> Option<(Vec<String>, String)> {
        let prefix = || {
            let program = self.seen_as.join(PROGRAM).display().to_string();
            (vec!["ssh-agent".to_owned(), program], deploy_key::ssh(&self.seen_as))
        };
        (self.kind == Kind::Key).then(prefix)
    }

    fn remove(&self) {
        for name in [PIPE, PROGRAM, deploy_key::KNOWN_HOSTS] {
            // A folder that is gone already has nothing left to remove.
            let _ = std::fs::remove_file(self.folder.join(name));
        }
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        self.remove();
    }
}

fn failed(path: &Path) -> impl FnOnce(std::io::Error) -> HelperError {
    let path = path.to_owned();
    move |source| HelperError::Io { path, source }
}

fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o500)
        .open(path)?;
    file.write_all(text.as_bytes())
}

/// One word for the shell, whatever is in it.
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// Writes the line whenever somebody reads. A reader takes one line, so that a second copy does no harm.
async fn feed(path: PathBuf, line: SecretString) {
    let line = SecretString::from(format!("{}\n", line.expose_secret()));
    loop {
        match pipe::OpenOptions::new().open_sender(&path) {
            Ok(mut sender) => {
                // A reader that went away meanwhile asks again or has given up.
                let _ = sender.write_all(line.expose_secret().as_bytes()).await;
                drop(sender);
            }
            Err(error) if error.raw_os_error() == Some(nix::errno::Errno::ENXIO as i32) => {}
            Err(_) => return,
        }
        tokio::time::sleep(LOOK_PERIOD).await;
    }
}
