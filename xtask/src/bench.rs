//! `cargo xtask bench`: the promises with numbers, measured with the release build.

use anyhow::Result;

use crate::process::{self, command};
use crate::{images, place, setup};

/// Arguments name the parts; none = all.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    setup::run()?;
    images::ensure(&["busybox", "debian", "toolchain", "worker-base"])?;
    let build = [
        "build",
        "--release",
        "--locked",
        "--package",
        "circle-cli",
        "--package",
        "circle-bench",
    ];
    process::run(command("cargo").args(build))?;
    // Not by `cargo run`: another selection of packages has other features, and everything would be compiled anew.
    let program = place::target_folder()?.join("release/circle-bench");
    process::run(
        command(program)
            .args(arguments)
            .env("CIRCLE_XTASK", place::this_program()?),
    )
}
