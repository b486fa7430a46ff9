//! Puts a backup into an empty folder: everything is read and checked before anything is in its place.

use std::fs::{DirBuilder, File};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, lchown};
use std::path::{Path, PathBuf};

use circle_store::records::EmbeddedStore;

use super::check::{Checked, read};
use super::error::BackupError;
use super::head::NeededKey;
use crate::vault::{KeySource, Vault};

/// Beneath the server's folder while a restore is under way; a server does not start beside it.
pub(crate) const IN_PROGRESS: &str = "restoring";
/// There until the first start after a restore, which makes the tokens of this machine.
pub(crate) const RESTORED: &str = "restored";
/// The server's own key file.
const MASTER_KEY: &str = "master-key";

/// Where the master keys of a restored server come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keys {
    /// The file that lies in the server's folder already; none where nothing is sealed.
    InPlace,
    /// A file that is copied there.
    File(PathBuf),
    /// A program that prints them, as the server will be told too.
    Command(Vec<String>),
}

/// Restores a backup into the folder of a server that was never started, for the user and group `owner`.
///
/// # Errors
/// [`BackupError`]; the folder is then as it was.
pub fn restore(archive: &Path, folder: &Path, keys: &Keys, owner: Option<(u32, u32)>) -> Result<Checked, BackupError> {
    let was_there = folder.exists();
    empty(folder)?;
    let vault = given(folder, keys)?;
    let ids = vault.as_ref().map(Vault::key_ids).unwrap_or_default();
    let new_key = vault.filter(|_| matches!(keys, Keys::File(_)));
    let aside = folder.join(IN_PROGRESS);
    let restored = make(&aside)
        .and_then(|()| read(archive, Some(&aside), |needed| known(needed, &ids)))
        .and_then(|checked| {
            opens(&aside)?;
            place(&aside, folder, new_key.as_ref(), owner)?;
            Ok(checked)
        });
    if restored.is_err() {
        // What stays is told of by the next start or the next restore.
        let _ = std::fs::remove_dir_all(&aside);
        if !was_there {
            let _ = std::fs::remove_dir(folder);
        }
    }
    restored
}

/// Nothing but a key that was put there, and what an earlier restore has left half.
fn empty(folder: &Path) -> Result<(), BackupError> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        other => other.map_err(BackupError::file(folder))?,
    };
    for entry in entries {
        let found = entry.map_err(BackupError::file(folder))?.file_name();
        if found != MASTER_KEY && found != IN_PROGRESS {
            return Err(BackupError::NotEmpty {
                folder: folder.to_owned(),
                found: found.to_string_lossy().into_owned(),
            });
        }
    }
    Ok(())
}

/// The keys that the restored server will have.
fn given(folder: &Path, keys: &Keys) -> Result<Option<Vault>, BackupError> {
    let file = |path: &Path| {
        // Opening would make a file that is missing.
        File::open(path).map_err(BackupError::file(path))?;
        Ok::<_, BackupError>(KeySource::File(path.to_owned()))
    };
    let in_place = folder.join(MASTER_KEY);
    let source = match keys {
        Keys::InPlace if !in_place.exists() => return Ok(None),
        Keys::InPlace => file(&in_place)?,
        Keys::File(_) if in_place.exists() => {
            return Err(BackupError::NotEmpty {
                folder: folder.to_owned(),
                found: MASTER_KEY.to_owned(),
            });
        }
        Keys::File(path) => file(path)?,
        Keys::Command(words) => KeySource::Command(words.clone()),
    };
    Ok(Some(Vault::open_from(source)?))
}

fn known(needed: &[NeededKey], given: &[String]) -> Result<(), BackupError> {
    let missing = needed.iter().find(|key| key.values > 0 && !given.contains(&key.id));
    missing.map_or(Ok(()), |key| {
        Err(BackupError::NoKey {
            id: key.id.clone(),
            values: key.values,
            given: match given {
                [] => "is not in the backup and was not given".to_owned(),
                ids => format!("is not among those that were given ({})", ids.join(", ")),
            },
        })
    })
}

/// A fresh folder of this user's alone.
fn make(aside: &Path) -> Result<(), BackupError> {
    let gone = match std::fs::remove_dir_all(aside) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    };
    let made = gone.and_then(|()| {
        ["logs", "blobs"]
            .iter()
            .try_for_each(|name| DirBuilder::new().recursive(true).mode(0o700).create(aside.join(name)))
    });
    made.map_err(BackupError::file(aside))
}

/// A store of a newer Circle is found here and not at the first start.
fn opens(aside: &Path) -> Result<(), BackupError> {
    let path = aside.join("records");
    let opened = EmbeddedStore::open(&path).map(drop);
    opened.map_err(|error| BackupError::Store {
        path,
        why: error.to_string(),
    })
}

/// The store comes last: without it there is no server's folder.
fn place(aside: &Path, folder: &Path, new_key: Option<&Vault>, owner: Option<(u32, u32)>) -> Result<(), BackupError> {
    let moved = || -> std::io::Result<()> {
        if let Some(vault) = new_key {
            vault.write_to(&aside.join(MASTER_KEY))?;
        }
        File::create_new(aside.join(RESTORED))?.sync_all()?;
        if let Some(owner) = owner {
            give(aside, owner)?;
            give_one(folder, owner)?;
        }
        let mut names = vec!["logs", "blobs", RESTORED];
        names.extend(new_key.map(|_| MASTER_KEY));
        names.push("records");
        for name in names {
            std::fs::rename(aside.join(name), folder.join(name))?;
        }
        File::open(folder)?.sync_all()?;
        std::fs::remove_dir(aside)
    };
    moved().map_err(BackupError::file(folder))
}

fn give(path: &Path, owner: (u32, u32)) -> std::io::Result<()> {
    if path.is_dir() {
        for entry in std::fs::read_dir(path)? {
            give(&entry?.path(), owner)?;
        }
    }
    give_one(path, owner)
}

fn give_one(path: &Path, (user, group): (u32, u32)) -> std::io::Result<()> {
    lchown(path, Some(user), Some(group))
}
