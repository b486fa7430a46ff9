//! What can be asked of the examples on the command line.

use std::path::Path;

use anyhow::{Result, bail};

use super::assemble::assemble;
use super::play::play;
use super::source::{Example, examples};

/// `list`, `assemble NAME DIR`, `[NAME]…` to play.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["list"] => list(),
        ["assemble", name, folder] => {
            let commit = assemble(&Example::named(name)?, Path::new(folder))?;
            println!("{commit}");
            Ok(())
        }
        ["assemble", ..] => bail!("usage: cargo xtask examples assemble NAME DIR"),
        [] => play(&examples()?),
        names => play(
            &names
                .iter()
                .map(|name| Example::named(name))
                .collect::<Result<Vec<_>>>()?,
        ),
    }
}

fn list() -> Result<()> {
    for example in examples()? {
        println!(
            "{:<14} {:<36} {}",
            example.name,
            example.images().join(", "),
            example.about()
        );
    }
    Ok(())
}
