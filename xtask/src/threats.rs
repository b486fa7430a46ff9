//! Writes the tests of the code into the threat model.

use anyhow::{Context, Result};

use crate::{check, place};

/// Brings the page up to date; what it says beside the tests is for people to write.
pub(crate) fn run() -> Result<()> {
    let path = place::root().join(check::THREATS);
    let page = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let renewed = check::threats(&page)?;
    std::fs::write(&path, renewed).with_context(|| format!("cannot write {}", path.display()))
}
