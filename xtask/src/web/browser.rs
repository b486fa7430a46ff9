//! A story of the page in a real Chromium: `cargo xtask web browser STORY`, which a test starts beside a real Circle.

use std::fs;

use anyhow::{Context, Result};

use crate::{process, setup};

/// Plays `web/stories/STORY.mjs`. Where Circle is and what the story needs stands in the environment.
pub(super) fn run(arguments: &[String]) -> Result<()> {
    let story = arguments
        .first()
        .context("which story? `cargo xtask web browser STORY`")?;
    setup::need("chromium", "chromium")?;
    let chromium = process::find("chromium").context("no chromium")?;
    let lock = fs::File::create(super::folder()?.join("lock"))?;
    lock.lock().context("cannot lock the page's folder")?;
    let node = super::prepared()?;
    drop(lock);
    process::run(node.script(&format!("stories/{story}.mjs")).env("CHROMIUM", chromium))
}
