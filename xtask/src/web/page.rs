//! Building the page and testing its parts.

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use super::node::Node;
use super::{browser, node, sources};
use crate::place;
use crate::process::{self, seconds};

/// Builds the page, tests its parts, or shows it to a real browser.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    match arguments.split_first() {
        None => ensure(),
        Some((word, [])) if word == "test" => test(),
        Some((word, rest)) if word == "browser" => browser::run(rest),
        Some((word, _)) => bail!("`cargo xtask web [test | browser STORY]` does not know `{word}`"),
    }
}

/// Builds the page if it is not the one of these sources.
pub(crate) fn ensure() -> Result<()> {
    let lock = fs::File::create(folder()?.join("lock"))?;
    lock.lock().context("cannot lock the page's folder")?;
    let (dist, stamp) = (folder()?.join("dist"), folder()?.join("dist.stamp"));
    let wanted = sources::stamp()?;
    if dist.join("index.html").is_file() && fs::read_to_string(&stamp).is_ok_and(|known| known == wanted) {
        return Ok(());
    }
    let start = Instant::now();
    println!("web: building the page");
    let node = prepared()?;
    let fresh = folder()?.join("dist.new");
    let _ = fs::remove_dir_all(&fresh);
    node.tool("tsc", &["--noEmit"])?;
    process::run(
        node.command("vite", &["build", "--logLevel", "warn"])?
            .env("CIRCLE_WEB_OUT", &fresh),
    )?;
    let _ = fs::remove_dir_all(&dist);
    fs::rename(&fresh, &dist).with_context(|| format!("cannot name {}", dist.display()))?;
    fs::write(&stamp, wanted)?;
    println!("web: built ({})", seconds(start.elapsed()));
    Ok(())
}

/// The tests of the page's parts; its whole is tested by a story in `circle-test`.
pub(crate) fn test() -> Result<()> {
    let lock = fs::File::create(folder()?.join("lock"))?;
    lock.lock().context("cannot lock the page's folder")?;
    prepared()?.tool("vitest", &["run", "--reporter", "dot"])
}

/// Sources, libraries and the client made from the API's description.
pub(super) fn prepared() -> Result<Node> {
    let node = node::install(&sources::lay_out()?)?;
    node.tool(
        "openapi-typescript",
        &["../openapi.json", "--output", "src/api/schema.d.ts"],
    )?;
    Ok(node)
}

/// Where the page is built.
pub(super) fn folder() -> Result<PathBuf> {
    place::cache_folder("web")
}
