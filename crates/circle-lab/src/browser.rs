//! Stories of the web page, played in a real Chromium by the project's own chore.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::LabError;

/// A browser's start and some twenty pages, on a busy machine.
const LIMIT: Duration = Duration::from_secs(240);

/// Plays `web/stories/<story>.mjs`, which gets these variables, to its end.
///
/// # Errors
/// [`LabError::Missing`] without the chores; [`LabError::Story`] with what was said when it fails or takes too long.
pub async fn play(story: &str, variables: &[(&str, String)]) -> Result<(), LabError> {
    let mut command = Command::new(chores()?);
    command
        .args(["web", "browser", story])
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let failed = |said: String| LabError::Story {
        story: story.to_owned(),
        said,
    };
    let played = tokio::time::timeout(LIMIT, command.output()).await;
    let played = played
        .map_err(|_| failed(format!("it takes longer than {LIMIT:?}")))?
        .map_err(|source| LabError::io("start the chores", source))?;
    if played.status.success() {
        return Ok(());
    }
    let (said, complained) = (
        String::from_utf8_lossy(&played.stdout),
        String::from_utf8_lossy(&played.stderr),
    );
    Err(failed(format!("{said}\n{complained}")))
}

/// As the test's caller says, else beside the running test or above it.
fn chores() -> Result<PathBuf, LabError> {
    if let Some(path) = std::env::var_os("CIRCLE_XTASK") {
        return Ok(PathBuf::from(path));
    }
    let running = std::env::current_exe().map_err(|source| LabError::io("tell where the test lies", source))?;
    let beside = |folder: &Path| folder.join("xtask");
    let found = running
        .ancestors()
        .skip(1)
        .take(2)
        .map(beside)
        .find(|path| path.is_file());
    found.ok_or_else(|| LabError::Missing {
        program: "xtask".to_owned(),
    })
}
