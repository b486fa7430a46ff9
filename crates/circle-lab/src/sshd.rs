//! Repositories behind a real sshd, with a host key and an authorized key of its own.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use crate::{Child, LabError, free_port};

/// Where Debian puts it; sshd wants to be started by its full path.
const SSHD: &str = "/usr/sbin/sshd";

/// An sshd on loopback that lets root in with one key.
#[derive(Debug)]
pub struct Sshd {
    port: u16,
    folder: PathBuf,
    repositories: PathBuf,
    child: Child,
}

impl Sshd {
    /// Serves the bare repositories of `repositories` to whoever has the key that it makes in `folder`.
    ///
    /// # Errors
    /// [`LabError`] when OpenSSH is missing or the server does not come up.
    pub async fn start(folder: &Path, repositories: &Path) -> Result<Self, LabError> {
        fs::create_dir_all(folder).map_err(|source| LabError::io("make sshd's folder", source))?;
        for key in ["host", "user"] {
            make_key(&folder.join(key)).await?;
        }
        let port = free_port()?;
        make_empty_folder().map_err(|source| LabError::io("make /run/sshd", source))?;
        let file = folder.join("sshd_config");
        fs::write(&file, settings(folder, port)).map_err(|source| LabError::io("write sshd_config", source))?;
        let arguments = ["-D".as_ref(), "-e".as_ref(), "-f".as_ref(), file.as_os_str()];
        let mut child = Child::start(SSHD, arguments, &folder.join("log"))?;
        child.accepts(port).await?;
        Ok(Self {
            port,
            folder: folder.to_owned(),
            repositories: repositories.to_owned(),
            child,
        })
    }

    /// `127.0.0.1:port`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Where `<name>.git` is cloned from.
    pub fn url(&self, name: &str) -> String {
        format!(
            "ssh://root@{}{}/{name}.git",
            self.address(),
            self.repositories.display()
        )
    }

    /// The private half of the key that it lets in.
    ///
    /// # Errors
    /// [`LabError::Io`].
    pub fn user_key(&self) -> Result<String, LabError> {
        read(&self.folder.join("user"))
    }

    /// The public half; writing another one there changes who is let in.
    pub fn user_key_file(&self) -> PathBuf {
        self.folder.join("user.pub")
    }

    /// What `ssh-keyscan` would write of it.
    ///
    /// # Errors
    /// [`LabError::Io`].
    pub fn known_hosts(&self) -> Result<String, LabError> {
        let key = read(&self.folder.join("host.pub"))?;
        Ok(format!("[127.0.0.1]:{} {key}", self.port))
    }

    /// The end of what it told.
    pub fn log_end(&self) -> String {
        self.child.log_end()
    }
}

async fn make_key(file: &Path) -> Result<(), LabError> {
    let status = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "circle-lab", "-f"])
        .arg(file)
        .stdin(Stdio::null())
        .status()
        .await;
    match status {
        Ok(status) if status.success() => Ok(()),
        _ => Err(LabError::Missing {
            program: "ssh-keygen".into(),
        }),
    }
}

/// sshd drops its privileges into this folder; Debian makes it when its own service starts.
fn make_empty_folder() -> std::io::Result<()> {
    fs::create_dir_all("/run/sshd")?;
    fs::set_permissions("/run/sshd", fs::Permissions::from_mode(0o755))
}

fn settings(folder: &Path, port: u16) -> String {
    let folder = folder.display();
    format!(
        "ListenAddress 127.0.0.1:{port}\nHostKey \"{folder}/host\"\nAuthorizedKeysFile \"{folder}/user.pub\"\nPidFile none\n\
         StrictModes no\nUsePAM no\nPermitRootLogin prohibit-password\nPasswordAuthentication no\n\
         KbdInteractiveAuthentication no\nAcceptEnv GIT_PROTOCOL\n"
    )
}

fn read(path: &Path) -> Result<String, LabError> {
    fs::read_to_string(path).map_err(|source| LabError::io(format!("read {}", path.display()), source))
}
