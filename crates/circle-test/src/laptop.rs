//! A developer's machine: an engine that is there, a user who may use it and is not root, a working tree.

use std::ffi::OsString;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, ensure};
use circle_cell::conformance::{HostEngine, Reach};
use tempfile::TempDir;

use crate::images::image;
use crate::program::program;

/// The developer's number.
const DEVELOPER: u32 = 1_000;

/// A machine with an engine, on which `circle run` is tried.
#[derive(Debug)]
pub struct Laptop {
    engine: HostEngine,
    folder: TempDir,
}

impl Laptop {
    /// Starts the engine with busybox in it, and makes a git work tree with one commit.
    ///
    /// # Errors
    /// When a program or the image is missing.
    pub async fn start() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("laptop-").tempdir_in("/var/tmp")?;
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755))?;
        let engine = HostEngine::start(&folder.path().join("engine"), Reach::default()).await;
        engine.load(&image("busybox")?).await;
        // The group `docker` of a real machine.
        std::fs::set_permissions(engine.socket(), PermissionsExt::from_mode(0o666))?;
        let this = Self { engine, folder };
        std::fs::copy(program("circle")?, this.at("circle"))?;
        this.make_folder(&this.at("home"))?;
        this.git_tree("shop")?;
        Ok(this)
    }

    /// Makes a git work tree with one commit, beside the developer's own.
    ///
    /// # Errors
    /// When git refuses.
    pub fn git_tree(&self, name: &str) -> Result<()> {
        self.make_folder(&self.at(name))?;
        for words in [
            &["init", "--quiet", "--initial-branch=main"][..],
            &["commit", "--quiet", "--allow-empty", "-m", "Begin"],
        ] {
            let status = self
                .as_developer("git")
                .arg("-C")
                .arg(self.at(name))
                .args(words)
                .status()?;
            ensure!(status.success(), "git {words:?}");
        }
        Ok(())
    }

    /// Writes a file of the working tree; folders that are missing are made.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, name: &str, content: &str) -> Result<()> {
        let path = self.at("shop").join(name);
        self.make_folder(path.parent().context("a file lies in a folder")?)?;
        std::fs::write(&path, content)?;
        Ok(chown(&path, Some(DEVELOPER), Some(DEVELOPER))?)
    }

    /// Makes a folder of the developer's, and those above it.
    fn make_folder(&self, folder: &Path) -> Result<()> {
        if folder.is_dir() {
            return Ok(());
        }
        if let Some(above) = folder.parent() {
            self.make_folder(above)?;
        }
        std::fs::create_dir(folder)?;
        Ok(chown(folder, Some(DEVELOPER), Some(DEVELOPER))?)
    }

    /// `circle run` in the working tree, as the developer.
    pub fn circle_run(&self, words: &[&str]) -> Command {
        let mut command = self.as_developer(self.at("circle"));
        command.arg("run").args(words).current_dir(self.at("shop"));
        command
    }

    /// The same to its end.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn ran(&self, words: &[&str]) -> Result<Ran> {
        self.circle_run(words)
            .output()
            .context("start circle run")
            .map(Ran::from)
    }

    /// What is there of any local run: containers, networks, volumes, images, folders.
    pub async fn remains(&self) -> Vec<String> {
        let mut left = self.engine.labelled("circle.instance").await;
        let runs = std::fs::read_dir(self.at("home/.cache/circle/runs"));
        let folders = runs.into_iter().flatten().flatten();
        left.extend(folders.map(|entry| entry.path().display().to_string()));
        left
    }

    /// The engine.
    pub fn engine(&mut self) -> &mut HostEngine {
        &mut self.engine
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A program in the engine's network, as on the one machine that both would be on.
    fn as_developer(&self, program: impl Into<OsString>) -> Command {
        let network = format!("/proc/{}/ns/net", self.engine.pid());
        // A dead engine has no network any more; whoever asks for it is somewhere all the same.
        let network = if Path::new(&network).exists() {
            network
        } else {
            "/proc/self/ns/net".to_owned()
        };
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--net={network}"))
            .args(["setpriv", "--clear-groups", "--inh-caps=-all"])
            .args([format!("--reuid={DEVELOPER}"), format!("--regid={DEVELOPER}")])
            .arg(program.into())
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
            .env("HOME", self.at("home"))
            .env("DOCKER_HOST", format!("unix://{}", self.engine.socket().display()))
            .envs([
                ("GIT_AUTHOR_NAME", "Developer"),
                ("GIT_AUTHOR_EMAIL", "developer@example.org"),
            ])
            .envs([
                ("GIT_COMMITTER_NAME", "Developer"),
                ("GIT_COMMITTER_EMAIL", "developer@example.org"),
            ])
            .stdin(Stdio::null());
        command
    }

    /// Where the working tree lies.
    pub fn tree(&self) -> PathBuf {
        self.at("shop")
    }
}

/// How a local run ended.
#[derive(Debug)]
pub struct Ran {
    /// Its exit code.
    pub code: i32,
    /// Standard output, then standard error.
    pub said: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        Self {
            code: output.status.code().unwrap_or(-1),
            said,
        }
    }
}

/// Whether a text file says something by now.
pub fn says(path: &Path, text: &str) -> bool {
    std::fs::read_to_string(path).is_ok_and(|said| said.contains(text))
}
