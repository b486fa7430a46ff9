//! The folder of a mirror: made, mended, made anew.

use std::path::Path;
use std::time::Duration;

use super::open::Mirror;
use crate::failure::GitFailure;
use crate::harden::harden;

/// What happens in the folder alone may take so long.
const LOCAL_LIMIT: Duration = Duration::from_secs(60);

/// Makes the bare repository where it is missing, of another address, or too large; removes what a crash left.
pub(super) async fn prepare(mirror: &Mirror) -> Result<(), GitFailure> {
    let (folder, limit) = (mirror.folder.clone(), mirror.options.max_bytes);
    let address = mirror.url.as_str().to_owned();
    // Walking a large mirror takes a while: not on the thread that answers others.
    let fits = tokio::task::spawn_blocking(move || tidy(&folder, &address, limit)).await;
    match fits {
        Ok(Ok(true)) => Ok(()),
        Ok(Ok(false)) => make_anew(mirror).await,
        Ok(Err(error)) => Err(GitFailure::other(format!(
            "the mirror's folder {} cannot be used: {error}",
            mirror.folder.display()
        ))),
        Err(error) => Err(GitFailure::other(format!(
            "the mirror's folder could not be looked at: {error}"
        ))),
    }
}

/// Removes the mirror and makes an empty one.
pub(super) async fn make_anew(mirror: &Mirror) -> Result<(), GitFailure> {
    let repository = mirror.repository();
    let failed = |error: std::io::Error| GitFailure::other(format!("cannot make {}: {error}", repository.display()));
    match tokio::fs::remove_dir_all(&repository).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    tokio::fs::create_dir_all(&repository).await.map_err(failed)?;
    let subject = mirror.url.to_string();
    let init = [
        "init",
        "--quiet",
        "--bare",
        "--template=",
        "--initial-branch=circle",
        ".",
    ];
    mirror
        .must(&harden("make a mirror", None, LOCAL_LIMIT, init), &subject)
        .await?;
    let add = ["remote", "add", "--", "origin", mirror.url.as_str()];
    mirror
        .must(&harden("name the remote", None, LOCAL_LIMIT, add), &subject)
        .await?;
    // Last: a folder without this file is one that was not finished.
    tokio::fs::write(mirror.folder.join("address"), mirror.url.as_str())
        .await
        .map_err(failed)
}

/// Whether the mirror there can be used; locks and folders of a killed predecessor are removed.
fn tidy(folder: &Path, address: &str, limit: u64) -> std::io::Result<bool> {
    std::fs::create_dir_all(folder)?;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("ask-") {
            std::fs::remove_dir_all(entry.path())?;
        }
    }
    let repository = folder.join("repository");
    let known = std::fs::read_to_string(folder.join("address")).unwrap_or_default();
    if known != address || !repository.join("HEAD").is_file() {
        return Ok(false);
    }
    for entry in std::fs::read_dir(&repository)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "lock") {
            std::fs::remove_file(path)?;
        }
    }
    Ok(size(&repository)? <= limit)
}

/// Bytes of all files beneath a folder that only git writes to.
fn size(folder: &Path) -> std::io::Result<u64> {
    let mut bytes = 0;
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let facts = entry.metadata()?;
            if facts.is_dir() {
                folders.push(entry.path());
            } else {
                bytes += facts.len();
            }
        }
    }
    Ok(bytes)
}
