//! Examples, pushed through the whole of Circle.

use std::fs;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use super::assemble::assemble;
use super::source::Example;
use crate::process::{self, command, seconds};
use crate::{images, place, setup};

/// Quick enough to run, and what the demo builds too.
const PROFILE: &str = "demo";

/// Plays one after the other, all of them even when one fails, and says at the end which did.
pub(crate) fn play(examples: &[Example]) -> Result<()> {
    if !place::is_root() {
        bail!("examples run in cells, which needs root: run `sudo make examples`");
    }
    setup::run()?;
    build()?;
    let mut failed = Vec::new();
    for example in examples {
        println!("── example: {} ({})", example.name, example.about());
        let start = Instant::now();
        match play_one(example) {
            Ok(()) => println!("── example: {} ok ({})", example.name, seconds(start.elapsed())),
            Err(error) => {
                eprintln!("── example: {} failed: {error:#}", example.name);
                failed.push(example.name.as_str());
            }
        }
    }
    println!("{} examples played, {} failed", examples.len(), failed.len());
    if !failed.is_empty() {
        bail!("examples failed: {}", failed.join(", "));
    }
    Ok(())
}

fn build() -> Result<()> {
    let mut cargo = command("cargo");
    cargo.args([
        "build",
        "--quiet",
        "--locked",
        "--profile",
        PROFILE,
        "--bin",
        "circle",
        "--bin",
        "play-example",
    ]);
    process::run(cargo.args(["--package", "circle-cli", "--package", "circle-test"]))
}

fn play_one(example: &Example) -> Result<()> {
    let needed = example.images();
    images::ensure(&needed.iter().map(String::as_str).collect::<Vec<_>>())?;
    let folder = place::cache_folder("downloads/assembled")?.join(&example.name);
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    assemble(example, &folder)?;
    let mut player = command(place::target_folder()?.join(PROFILE).join("play-example"));
    player.env("CIRCLE_XTASK", place::this_program()?);
    player
        .arg(&example.name)
        .arg(&folder)
        .arg(example.port().to_string())
        .arg(example.path().unwrap_or("-"));
    process::run(player.args(&needed))
}
