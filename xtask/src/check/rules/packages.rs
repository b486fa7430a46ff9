//! Which crate depends on which, asked of cargo.

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::{place, process};

/// A member of the workspace.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) manifest_path: String,
    pub(crate) dependencies: Vec<Dependency>,
}

/// A direct dependency of any kind: normal, for tests, or for the build.
#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

/// The members, with manifest paths made relative to the clone.
pub(crate) fn packages() -> Result<Vec<Package>> {
    let text =
        process::output(process::command("cargo").args(["metadata", "--format-version=1", "--no-deps", "--offline"]))?;
    let mut metadata: Metadata = serde_json::from_str(&text).context("cannot read what cargo metadata said")?;
    let root = format!("{}/", place::root().display());
    for package in &mut metadata.packages {
        if let Some(inside) = package.manifest_path.strip_prefix(&root) {
            package.manifest_path = inside.to_owned();
        }
    }
    Ok(metadata.packages)
}

/// The names of all crates that a member's product code is compiled with, itself left out.
pub(crate) fn closure_of(member: &str) -> Result<Vec<String>> {
    let mut cargo = process::command("cargo");
    cargo.args([
        "tree",
        "--offline",
        "--edges",
        "normal",
        "--prefix",
        "none",
        "--format",
        "{p}",
        "--package",
        member,
    ]);
    let text = process::output(&mut cargo)?;
    let names = text.lines().filter_map(|line| line.split_whitespace().next());
    Ok(names.filter(|name| *name != member).map(str::to_owned).collect())
}
