//! The parts of a check, one after the other.

use std::time::Instant;

use anyhow::{Result, bail};

use super::tidy;
use crate::process::{self, command, seconds};
use crate::setup;

type Part = (&'static str, fn() -> Result<()>);

const PARTS: &[Part] = &[("fmt", fmt), ("tidy", tidy::run), ("deny", deny), ("clippy", clippy)];

/// Runs the named parts, or all of them.
pub(crate) fn run(names: &[String]) -> Result<()> {
    if let Some(unknown) = names.iter().find(|name| !PARTS.iter().any(|(part, _)| part == name)) {
        bail!("check has no part `{unknown}`; it has fmt, tidy, deny and clippy");
    }
    let mut failed = Vec::new();
    for (name, part) in PARTS
        .iter()
        .filter(|(name, _)| names.is_empty() || names.iter().any(|wanted| wanted == name))
    {
        println!("── check: {name}");
        let start = Instant::now();
        match part() {
            Ok(()) => println!("── check: {name} ok ({})", seconds(start.elapsed())),
            Err(error) => {
                eprintln!("── check: {name} failed: {error:#}");
                failed.push(*name);
            }
        }
    }
    if !failed.is_empty() {
        bail!("check failed: {}", failed.join(", "));
    }
    Ok(())
}

fn fmt() -> Result<()> {
    process::run(command("cargo").args(["fmt", "--all", "--check"]))
}

fn clippy() -> Result<()> {
    process::run(command("cargo").args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--",
        "-D",
        "warnings",
    ]))
}

/// Fetches first: cargo-deny looks at every platform's dependencies, and works offline afterwards.
fn deny() -> Result<()> {
    setup::tools()?;
    process::run(command("cargo").args(["fetch", "--locked", "--quiet"]))?;
    process::run(command("cargo-deny").args([
        "--offline",
        "--log-level",
        "error",
        "check",
        "bans",
        "licenses",
        "sources",
    ]))
}
