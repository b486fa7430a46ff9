//! `cargo xtask web`: the web page, built in the cache folder from `web/` and `openapi.json`. `circle-server` embeds what
//! lies there, so nothing that is made stands in the clone and compiling Rust needs no Node.

mod browser;
mod node;
mod page;
mod sources;

pub(crate) use page::{ensure, run, test};
use page::{folder, prepared};

/// Installs what a folder's `package-lock.json` names.
pub(crate) fn install(folder: &std::path::Path) -> anyhow::Result<()> {
    node::install(folder).map(|_| ())
}
