//! How git gets a password: a program that answers only for one host, from a pipe.

use std::os::unix::fs::{OpenOptionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::stat::Mode;
use secrecy::{ExposeSecret, SecretString};
use tokio::io::AsyncWriteExt;
use tokio::net::unix::pipe;
use tokio::task::JoinSet;
use url::Url;

use crate::url::RepositoryUrl;

/// How often the pipe is looked at for a reader; a pipe without one cannot be opened for writing.
const LOOK_PERIOD: Duration = Duration::from_millis(10);
/// The longest user name or password, in bytes: what a pipe takes in one write.
const MAX_BYTES: usize = 4_000;

/// A user name and password for one host.
#[derive(Debug, Clone)]
pub struct Credential {
    /// `scheme://host[:port]`, as [`RepositoryUrl::origin`] gives it.
    pub origin: String,
    pub username: String,
    pub password: SecretString,
}

/// A program that git may ask, as long as this lives: a script of a few lines and a named pipe beside it.
///
/// The password is written into the pipe when the script reads it, and never into a file. Several questions (a
/// submodule on the same host) get the same answer; a question about another host gets none.
#[derive(Debug)]
pub struct Askpass {
    program: PathBuf,
    pipe: PathBuf,
    _feeder: JoinSet<()>,
}

/// Why there is no askpass program.
#[derive(Debug, thiserror::Error)]
pub enum AskpassError {
    /// A value that cannot be handed over.
    #[error("the {what} is empty, longer than 4,000 bytes, or has a line break")]
    Unfit { what: &'static str },
    /// The origin is no origin.
    #[error("\"{origin}\" is no scheme://host[:port]")]
    Origin { origin: String },
    /// The folder could not be used.
    #[error("could not write {}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
}

impl Credential {
    /// A credential for the host of this repository.
    pub fn new(url: &RepositoryUrl, username: impl Into<String>, password: SecretString) -> Self {
        Self {
            origin: url.origin().to_owned(),
            username: username.into(),
            password,
        }
    }
}

impl Askpass {
    /// Makes the program in `folder`, which must be private to the user who runs git; `seen_as` is that folder's path
    /// where git runs, and `owner` whom the files must belong to.
    ///
    /// # Errors
    /// [`AskpassError`]; nothing of the password is written.
    pub fn start(
        folder: &Path,
        seen_as: &Path,
        credential: &Credential,
        owner: Option<(u32, u32)>,
    ) -> Result<Self, AskpassError> {
        fit("user name", &credential.username)?;
        fit("password", credential.password.expose_secret())?;
        let (program, pipe) = (folder.join("askpass"), folder.join("askpass.pipe"));
        for stale in [&program, &pipe] {
            // What a killed predecessor left; that it is not there is the ordinary case.
            let _ = std::fs::remove_file(stale);
        }
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| AskpassError::Io { path, source }
        };
        nix::unistd::mkfifo(&pipe, Mode::S_IRUSR | Mode::S_IWUSR).map_err(|errno| io(&pipe)(errno.into()))?;
        let text = script(credential, &seen_as.join("askpass.pipe"))?;
        write_private(&program, &text).map_err(io(&program))?;
        if let Some((user, group)) = owner {
            for path in [&program, &pipe] {
                chown(path, Some(user), Some(group)).map_err(io(path))?;
            }
        }
        let mut feeder = JoinSet::new();
        feeder.spawn(feed(pipe.clone(), credential.password.clone()));
        Ok(Self {
            program: seen_as.join("askpass"),
            pipe,
            _feeder: feeder,
        })
    }

    /// Where git finds it.
    pub fn program(&self) -> &Path {
        &self.program
    }
}

impl Drop for Askpass {
    fn drop(&mut self) {
        for path in [&self.pipe, &self.pipe.with_file_name("askpass")] {
            // A folder that is gone already has nothing left to remove.
            let _ = std::fs::remove_file(path);
        }
    }
}

fn fit(what: &'static str, text: &str) -> Result<(), AskpassError> {
    if text.is_empty() || text.len() > MAX_BYTES || text.contains(['\n', '\r', '\0']) {
        return Err(AskpassError::Unfit { what });
    }
    Ok(())
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

/// Answers exactly the two questions that git asks about this origin.
fn script(credential: &Credential, pipe: &Path) -> Result<String, AskpassError> {
    let origin = || AskpassError::Origin {
        origin: credential.origin.clone(),
    };
    let url = Url::parse(&credential.origin).map_err(|_| origin())?;
    let host = url.host_str().ok_or_else(origin)?;
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let (scheme, username) = (url.scheme(), &credential.username);
    let first = quoted(&format!("Username for '{scheme}://{host}{port}': "));
    // git has spelled the user name in the second question in several ways.
    let spellings = [username.clone(), percent(username, true), percent(username, false)];
    let second = spellings
        .map(|name| quoted(&format!("Password for '{scheme}://{name}@{host}{port}': ")))
        .join("|");
    Ok(format!(
        "#!/bin/sh\ncase \"$1\" in\n{first}) printf '%s\\n' {} ;;\n{second}) IFS= read -r answer < {} && printf '%s\\n' \"$answer\" ;;\n\
         *) exit 1 ;;\nesac\n",
        quoted(username),
        quoted(&pipe.display().to_string())
    ))
}

/// One word for the shell, whatever is in it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

fn percent(text: &str, upper: bool) -> String {
    let encode = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        _ if upper => format!("%{byte:02X}"),
        _ => format!("%{byte:02x}"),
    };
    text.bytes().map(encode).collect()
}

/// Writes the password whenever somebody reads.
async fn feed(path: PathBuf, password: SecretString) {
    let line = SecretString::from(format!("{}\n", password.expose_secret()));
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
