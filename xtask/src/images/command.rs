//! What can be asked of the images on the command line.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use super::cached::Image;
use super::recipes;
use crate::release;

/// `list`, `build [NAME]…`, `path NAME`.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["list"] => list(),
        ["build"] => build(recipes::OF_OPERATORS),
        ["build", names @ ..] => build(names),
        ["path", name] => {
            println!("{}", find(name)?.ensure()?.display());
            Ok(())
        }
        _ => bail!("usage: cargo xtask images list | build [NAME]… | path NAME"),
    }
}

/// Builds what is missing; for an image with the program, the release first.
fn build(names: &[&str]) -> Result<()> {
    if names.iter().any(|name| recipes::WITH_PROGRAM.contains(name)) {
        release::build()?;
    }
    ensure(names)
}

/// Builds what is missing.
pub(crate) fn ensure(names: &[&str]) -> Result<()> {
    for name in names {
        let path = find(name)?.ensure().with_context(|| format!("image {name}"))?;
        eprintln!("image {name}: {}", path.display());
    }
    Ok(())
}

/// The tar of one image, built first when missing.
pub(crate) fn path(name: &str) -> Result<PathBuf> {
    find(name)?.ensure()
}

fn list() -> Result<()> {
    for image in recipes::IMAGES {
        let state = if image.path()?.exists() { "built" } else { "not built" };
        println!("{:<12} {:<22} {:<10} {}", image.name, image.tag, state, image.about);
    }
    Ok(())
}

fn find(name: &str) -> Result<&'static Image> {
    let known = || {
        recipes::IMAGES
            .iter()
            .map(|image| image.name)
            .collect::<Vec<_>>()
            .join(", ")
    };
    let image = recipes::IMAGES
        .iter()
        .find(|image| image.name == name || image.tag == name);
    image.with_context(|| format!("no image is called `{name}`; there are {}", known()))
}
