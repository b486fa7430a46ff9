//! The release build of every program. One selection of packages for all who need it: another one has other features, and
//! everything would be compiled anew.

use anyhow::Result;

use crate::process::{self, command};

/// Builds what is not fresh.
pub(crate) fn build() -> Result<()> {
    process::run(command("cargo").args(["build", "--release", "--locked", "--workspace", "--bins"]))
}
