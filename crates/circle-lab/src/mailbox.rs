//! A mail server that keeps what it gets (Python's aiosmtpd): STARTTLS, a login, and addresses that it puts off or refuses.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use crate::{Child, LabError, free_port};

/// The interpreter that has the chores' wheels.
const PYTHON: &str = "circle-python";
const PROGRAM: &str = include_str!("mailbox.py");

/// A mail server on loopback. It asks for the user `ci` with the password `right-password`, after STARTTLS; addresses that begin
/// with `later` are put off once, those that begin with `never` are refused.
#[derive(Debug)]
pub struct Mailbox {
    folder: PathBuf,
    port: u16,
    child: Option<Child>,
}

impl Mailbox {
    /// Starts one with a certificate for `localhost` of its own making.
    ///
    /// # Errors
    /// [`LabError`] when a program is missing or the server does not come up.
    pub async fn start(folder: &Path) -> Result<Self, LabError> {
        std::fs::create_dir_all(folder.join("mails"))
            .map_err(|source| LabError::io("make the mailbox's folder", source))?;
        std::fs::write(folder.join("mailbox.py"), PROGRAM)
            .map_err(|source| LabError::io("write the mail server", source))?;
        certificate(folder).await?;
        let mut mailbox = Self {
            folder: folder.to_owned(),
            port: free_port()?,
            child: None,
        };
        mailbox.start_again().await?;
        Ok(mailbox)
    }

    /// `host:port`, by the name that its certificate has.
    pub fn address(&self) -> String {
        format!("localhost:{}", self.port)
    }

    /// The authority of its certificate, in PEM.
    pub fn authority(&self) -> PathBuf {
        self.folder.join("certificate.pem")
    }

    /// What it got, oldest first: the fields `from`, `to`, `subject`, `text`, `html`, `tls`, `login`, `headers`.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn mails(&self) -> Result<Vec<serde_json::Value>, LabError> {
        let failed = |source| LabError::io("read the mails", source);
        let mut files: Vec<PathBuf> = std::fs::read_dir(self.folder.join("mails"))
            .map_err(failed)?
            .flatten()
            .map(|entry| entry.path())
            .collect();
        files.retain(|file| file.extension().is_some_and(|kind| kind == "json"));
        files.sort();
        let read = |file: &PathBuf| {
            let bytes = std::fs::read(file).map_err(failed)?;
            serde_json::from_slice(&bytes).map_err(|error| failed(error.into()))
        };
        files.iter().map(read).collect()
    }

    /// Ends it; what it got stays.
    ///
    /// # Errors
    /// When it cannot be ended.
    pub async fn stop(&mut self) -> Result<(), LabError> {
        match self.child.take() {
            Some(mut child) => child.kill().await,
            None => Ok(()),
        }
    }

    /// Starts it again on the same port.
    ///
    /// # Errors
    /// As [`Mailbox::start`].
    pub async fn start_again(&mut self) -> Result<(), LabError> {
        let words = [
            self.folder.join("mailbox.py"),
            self.port.to_string().into(),
            self.folder.join("mails"),
            self.authority(),
            self.folder.join("key.pem"),
        ];
        let mut child = Child::start(PYTHON, words, &self.folder.join("log"))?;
        child.accepts(self.port).await?;
        self.child = Some(child);
        Ok(())
    }
}

async fn certificate(folder: &Path) -> Result<(), LabError> {
    let words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
                 -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE -keyout key.pem -out certificate.pem";
    let made = Command::new("openssl")
        .args(words.split_whitespace())
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .await
        .map_err(|source| LabError::io("start openssl", source))?;
    if made.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&made.stderr).into_owned();
    Err(LabError::io("make a certificate", std::io::Error::other(said)))
}
