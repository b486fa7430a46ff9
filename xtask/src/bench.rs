//! `cargo xtask bench`: the promises with numbers, measured with the release build.

use anyhow::Result;

use crate::process::{self, command};
use crate::{images, place, release, setup};

/// Arguments name the parts; none = all.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    setup::run()?;
    images::ensure(&["busybox", "debian", "toolchain", "worker-base"])?;
    release::build()?;
    let program = place::target_folder()?.join("release/circle-bench");
    process::run(
        command(program)
            .args(arguments)
            .env("CIRCLE_XTASK", place::this_program()?),
    )
}
