//! `cargo xtask images`: base images made on this machine, from its own packages, without any registry.
//!
//! Each is one `docker load`able tar in the cache folder, named after a hash of what it is made of: a change of the
//! recipe or of the packages makes a new one, and several processes may ask at once. Absent: any use of a daemon.

mod archive;
mod cached;
mod debian;
mod layer;
mod programs;
mod recipes;

use anyhow::{Context, Result, bail};

use cached::Image;

/// `list`, `build [NAME]…`, `path NAME`.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["list"] => list(),
        ["build"] => ensure(recipes::OF_THE_DEMO),
        ["build", names @ ..] => ensure(names),
        ["path", name] => {
            println!("{}", find(name)?.ensure()?.display());
            Ok(())
        }
        _ => bail!("usage: cargo xtask images list | build [NAME]… | path NAME"),
    }
}

/// Builds what is missing.
pub(crate) fn ensure(names: &[&str]) -> Result<()> {
    for name in names {
        let path = find(name)?.ensure().with_context(|| format!("image {name}"))?;
        eprintln!("image {name}: {}", path.display());
    }
    Ok(())
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
