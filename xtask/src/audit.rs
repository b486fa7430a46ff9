//! `cargo xtask audit`: the debris audit and the soak, on a machine that should be left as it was.

use anyhow::Result;

use crate::process::{self, command};
use crate::{images, place, setup};

/// Arguments go to the audit: `--runs=N`, `--soak=N`, `--beside-others`.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    setup::run()?;
    images::ensure(&["busybox"])?;
    process::run(command("cargo").args(["build", "--workspace", "--bins", "--locked"]))?;
    let audit = [
        "run",
        "--quiet",
        "--locked",
        "--package",
        "circle-test",
        "--bin",
        "audit",
        "--",
    ];
    process::run(
        command("cargo")
            .args(audit)
            .args(arguments)
            .env("CIRCLE_XTASK", place::this_program()?),
    )
}
