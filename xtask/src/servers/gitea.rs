//! Gitea out of its Go module: the program, and the folder with its templates.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};

use crate::images::sha256_of_text;
use crate::process::{self, command, seconds};
use crate::setup::golang;
use crate::{place, setup};

/// The module's version, which the program is told, as its own build would.
const VERSION: &str = "1.26.0";
const MODULE: &str = "code.gitea.io/gitea";
const TAGS: &str = "sqlite sqlite_unlock_notify";
/// Who runs it when we are root: it refuses to be run by root.
const USER: &str = "circle-gitea";

/// A Gitea that can be started.
#[derive(Debug)]
pub(crate) struct Gitea {
    pub(crate) program: PathBuf,
    /// Its `STATIC_ROOT_PATH`.
    pub(crate) templates: PathBuf,
    /// Its `RUN_USER`.
    pub(crate) user: String,
}

impl Gitea {
    /// Builds it unless this state of its sources was built before: 350 seconds of a processor, and 1.7 GB at its peak.
    pub(crate) fn ensure() -> Result<Self> {
        setup::need("cc", "gcc")?;
        let sources = place::root().join("xtask/servers/gitea");
        let go = golang::tool_chain()?.join("bin/go");
        let program = place::cache_folder("servers")?.join(format!("gitea-{}", stamp(&sources)?));
        if !program.exists() {
            build(&go, &sources, &program)?;
        }
        // The templates are files of the module; Go unpacks it anew when somebody cleaned its cache.
        process::output(go_command(&go, &sources).args(["mod", "download", MODULE]))?;
        let templates = process::output(go_command(&go, &sources).args(["list", "-m", "-f", "{{.Dir}}", MODULE]))?;
        Ok(Self {
            program,
            templates: PathBuf::from(templates.trim()),
            user: user()?,
        })
    }
}

fn build(go: &Path, sources: &Path, program: &Path) -> Result<()> {
    println!("server: building Gitea {VERSION}, which takes minutes once");
    let begin = Instant::now();
    let partial = program.with_extension(format!("partial-{}", std::process::id()));
    let mut build = go_command(go, sources);
    build
        .args(["build", "-mod=readonly", "-trimpath", "-tags", TAGS, "-ldflags"])
        .arg(format!("-s -w -X main.Version={VERSION}"))
        .arg("-o")
        .arg(&partial)
        .arg(MODULE);
    process::run(&mut build)?;
    fs::rename(&partial, program).with_context(|| format!("cannot name {}", program.display()))?;
    println!("server: Gitea is built ({})", seconds(begin.elapsed()));
    Ok(())
}

fn go_command(go: &Path, sources: &Path) -> std::process::Command {
    let mut command = command(go);
    command
        .current_dir(sources)
        .env("CGO_ENABLED", "1")
        .env("GOTOOLCHAIN", "local");
    command
}

/// Changes with the sources, with Go, and with how it is built.
fn stamp(sources: &Path) -> Result<String> {
    let mut text = format!("{} {VERSION} {TAGS}\n", golang::VERSION);
    for name in ["go.mod", "go.sum", "tools.go"] {
        let path = sources.join(name);
        text += &fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    }
    Ok(sha256_of_text(&text)?[..16].to_owned())
}

/// A system user without a shell when we are root, else ourselves.
fn user() -> Result<String> {
    if !place::is_root() {
        return Ok(process::output(command("id").arg("-un"))?.trim().to_owned());
    }
    if process::output(command("id").args(["-u", USER])).is_err() {
        process::run(command("useradd").args(["--system", "--no-create-home", "--shell", "/usr/sbin/nologin", USER]))?;
    }
    Ok(USER.to_owned())
}
