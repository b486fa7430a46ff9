//! A git server on loopback, and repositories that are pushed to as a developer does.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use crate::{Child, LabError, free_port};

/// `git daemon` over a folder of bare repositories; it serves fetches only.
#[derive(Debug)]
pub struct GitServer {
    folder: PathBuf,
    port: u16,
    child: Child,
}

/// One bare repository on the server and a work tree that pushes to it.
#[derive(Debug, Clone)]
pub struct Repository {
    bare: PathBuf,
    tree: PathBuf,
    url: String,
}

impl GitServer {
    /// Starts the daemon on a free port.
    ///
    /// # Errors
    /// [`LabError`] when git is missing or the daemon does not come up.
    pub async fn start(folder: &Path) -> Result<Self, LabError> {
        let bare = folder.join("bare");
        std::fs::create_dir_all(&bare).map_err(|source| LabError::io("make the git server's folder", source))?;
        let port = free_port()?;
        let mut child = spawn(&bare, port, &folder.join("log")).await?;
        child.accepts(port).await?;
        Ok(Self {
            folder: folder.to_owned(),
            port,
            child,
        })
    }

    /// Makes an empty repository with a work tree on branch `main`.
    ///
    /// # Errors
    /// [`LabError::Git`] when git refuses.
    pub async fn repository(&self, name: &str) -> Result<Repository, LabError> {
        let bare = self.folder.join("bare").join(format!("{name}.git"));
        let tree = self.folder.join("trees").join(name);
        std::fs::create_dir_all(&tree).map_err(|source| LabError::io("make a work tree", source))?;
        git(
            &self.folder,
            &["init", "--quiet", "--bare", "--initial-branch=main", &text(&bare)],
        )
        .await?;
        // Runs ask for the commit of their trigger, which need not be the tip of a branch any more.
        git(&bare, &["config", "uploadpack.allowAnySHA1InWant", "true"]).await?;
        git(&bare, &["config", "uploadpack.allowFilter", "true"]).await?;
        git(&tree, &["init", "--quiet", "--initial-branch=main"]).await?;
        git(&tree, &["remote", "add", "origin", &text(&bare)]).await?;
        let url = format!("git://127.0.0.1:{}/{name}.git", self.port);
        Ok(Repository { bare, tree, url })
    }

    /// `127.0.0.1:port`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Kills the daemon; repositories stay.
    ///
    /// # Errors
    /// [`LabError::Io`] when it cannot be waited for.
    pub async fn stop(&mut self) -> Result<(), LabError> {
        self.child.kill().await
    }

    /// Starts it again on the same port.
    ///
    /// # Errors
    /// [`LabError`] when somebody else took the port.
    pub async fn start_again(&mut self) -> Result<(), LabError> {
        self.child = spawn(&self.folder.join("bare"), self.port, &self.folder.join("log")).await?;
        self.child.accepts(self.port).await
    }
}

impl Repository {
    /// Where it is cloned from.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The bare repository's folder: its `hooks/post-receive` is what a forge would be.
    pub fn bare(&self) -> &Path {
        &self.bare
    }

    /// The work tree's folder.
    pub fn tree(&self) -> &Path {
        &self.tree
    }

    /// Writes one file of the work tree.
    ///
    /// # Errors
    /// [`LabError::Io`].
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) -> Result<(), LabError> {
        let file = self.tree.join(path);
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder).map_err(|source| LabError::io("make a folder of the work tree", source))?;
        }
        std::fs::write(file, content).map_err(|source| LabError::io(format!("write {path}"), source))
    }

    /// Commits everything and gives the commit's id.
    ///
    /// # Errors
    /// [`LabError::Git`], also when nothing changed.
    pub async fn commit(&self, message: &str) -> Result<String, LabError> {
        git(&self.tree, &["add", "--all"]).await?;
        git(
            &self.tree,
            &["commit", "--quiet", "--allow-empty", "--message", message],
        )
        .await?;
        git(&self.tree, &["rev-parse", "HEAD"]).await
    }

    /// Pushes HEAD to a ref of the server, such as `main` or `refs/tags/v1`; hooks of the server run and their output comes back.
    ///
    /// # Errors
    /// [`LabError::Git`] with what the server said.
    pub async fn push(&self, to: &str) -> Result<String, LabError> {
        git(&self.tree, &["push", "--force", "origin", &format!("HEAD:{to}")]).await
    }

    /// Any other git command in the work tree.
    ///
    /// # Errors
    /// [`LabError::Git`].
    pub async fn git(&self, arguments: &[&str]) -> Result<String, LabError> {
        git(&self.tree, arguments).await
    }
}

/// Starts the daemon itself: `git daemon` would only be its parent, and killing that leaves the daemon.
async fn spawn(bare: &Path, port: u16, log: &Path) -> Result<Child, LabError> {
    let programs = git(bare, &["--exec-path"]).await?;
    let arguments = [
        "--reuseaddr".to_owned(),
        "--export-all".to_owned(),
        "--listen=127.0.0.1".to_owned(),
        format!("--port={port}"),
        format!("--base-path={}", bare.display()),
        text(bare),
    ];
    Child::start(&format!("{programs}/git-daemon"), arguments, log)
}

async fn git(folder: &Path, arguments: &[&str]) -> Result<String, LabError> {
    let output = Command::new("git")
        .args([
            "-c",
            "safe.directory=*",
            "-c",
            "user.name=Circle",
            "-c",
            "user.email=circle@localhost",
        ])
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .stdin(Stdio::null())
        .output()
        .await
        .map_err(|_| LabError::Missing { program: "git".into() })?;
    if output.status.success() {
        let both = [output.stdout, output.stderr].concat();
        return Ok(String::from_utf8_lossy(&both).trim().to_owned());
    }
    let what = arguments.first().copied().unwrap_or_default().to_owned();
    Err(LabError::Git {
        what,
        stderr: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    })
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
