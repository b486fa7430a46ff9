//! Calls of GitHub as others have published them: `@octokit/webhooks-examples`.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::{place, web};

/// The file with all of them, fetched now if it is missing.
pub(crate) fn ensure() -> Result<PathBuf> {
    let folder = place::cache_folder("servers/webhooks")?;
    let sources = place::root().join("xtask/servers/webhooks");
    for name in ["package.json", "package-lock.json"] {
        fs::copy(sources.join(name), folder.join(name)).with_context(|| format!("cannot copy {name}"))?;
    }
    web::install(&folder)?;
    Ok(folder.join("node_modules/@octokit/webhooks-examples/api.github.com/index.json"))
}
