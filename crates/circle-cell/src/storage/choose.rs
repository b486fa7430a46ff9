//! Which storage a machine gets.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::btrfs::{Btrfs, PoolFile, Quota, magic_is_btrfs};
use super::folders::{self, Folders};
use super::images::{self, Images};
use super::port::{Storage, StorageFacts};
use crate::CellError;
use crate::process::has_tool;
use crate::sys::clone_file;

/// What an operator asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StorageChoice {
    /// The best that the machine can do: btrfs, else reflink, else plain.
    #[default]
    Auto,
    /// Snapshots, on the file system that is there or on a file.
    Btrfs,
    /// File systems in files that share extents.
    Reflink,
    /// Nothing is shared.
    Plain,
}

/// A text that is no [`StorageChoice`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no storage of cells: write auto, btrfs, reflink or plain")]
pub struct StorageChoiceError(String);

impl StorageChoice {
    /// The word that stands for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Btrfs => "btrfs",
            Self::Reflink => "reflink",
            Self::Plain => "plain",
        }
    }
}

impl FromStr for StorageChoice {
    type Err = StorageChoiceError;

    fn from_str(text: &str) -> Result<Self, StorageChoiceError> {
        let all = [Self::Auto, Self::Btrfs, Self::Reflink, Self::Plain];
        let found = all.into_iter().find(|choice| choice.word() == text);
        found.ok_or_else(|| StorageChoiceError(text.chars().take(80).collect()))
    }
}

/// What a machine lacks for a storage, as a sentence.
type Lack = Option<String>;
/// Says whether one of the system's programs is installed.
type Tools = fn(&str) -> bool;

/// Opens the storage in `<state>/pool`. With [`StorageChoice::Auto`] a storage that does not open is told in the log, and
/// the next one is tried; an explicit choice is an error then, and so is a file with roots that an earlier start made.
pub(crate) async fn open_storage(
    state: &Path,
    choice: StorageChoice,
    most_bytes: Option<u64>,
) -> Result<Arc<dyn Storage>, CellError> {
    open_with(state, choice, most_bytes, has_tool).await
}

pub(super) async fn open_with(
    state: &Path,
    choice: StorageChoice,
    most_bytes: Option<u64>,
    has_tool: Tools,
) -> Result<Arc<dyn Storage>, CellError> {
    let folder = state.join("pool");
    fs::create_dir_all(&folder).map_err(CellError::io("make the folder", &folder))?;
    let mut reasons = Vec::new();
    for kind in order(choice, state) {
        let opened = match kind {
            StorageChoice::Btrfs => open_btrfs(state, &folder, most_bytes, has_tool).await,
            StorageChoice::Reflink => open_reflink(&folder, has_tool),
            StorageChoice::Plain | StorageChoice::Auto => open_plain(&folder, &reasons, has_tool),
        };
        match opened {
            Ok(storage) => {
                tracing::info!("{}", storage.facts().sentence);
                return Ok(storage);
            }
            Err(error) => reasons.push(error.to_string()),
        }
    }
    Err(CellError::Unable(format!(
        "the storage of cells cannot be opened: {}",
        reasons.join("; ")
    )))
}

/// What would be chosen, without making anything.
pub fn foresee(state: &Path, choice: StorageChoice) -> Result<StorageFacts, String> {
    foresee_with(state, choice, has_tool)
}

pub(super) fn foresee_with(state: &Path, choice: StorageChoice, has_tool: Tools) -> Result<StorageFacts, String> {
    let existing = state
        .ancestors()
        .find(|folder| folder.exists())
        .unwrap_or(Path::new("/"));
    let mut reasons = Vec::new();
    for kind in order(choice, state) {
        let lack = match kind {
            StorageChoice::Btrfs => match lack_of_btrfs(existing, has_tool) {
                None => return Ok(super::btrfs::facts(!magic_is_btrfs(existing), foreseen_quota(existing))),
                lack => lack,
            },
            StorageChoice::Reflink => match lack_of_reflink(existing, has_tool) {
                None => return Ok(images::facts(true)),
                lack => lack,
            },
            StorageChoice::Plain | StorageChoice::Auto => match lack_of_loops(has_tool) {
                None => return Ok(images::facts(false)),
                Some(lack) => return Ok(folders::facts(&lack)),
            },
        };
        reasons.extend(lack);
    }
    Err(reasons.join("; "))
}

fn order(choice: StorageChoice, state: &Path) -> Vec<StorageChoice> {
    match choice {
        StorageChoice::Auto if pool_file(state).exists() => vec![StorageChoice::Btrfs],
        StorageChoice::Auto => vec![StorageChoice::Btrfs, StorageChoice::Reflink, StorageChoice::Plain],
        chosen => vec![chosen],
    }
}

/// The file that btrfs gets where there is none.
fn pool_file(state: &Path) -> PathBuf {
    state.join("pool.btrfs")
}

async fn open_btrfs(
    state: &Path,
    folder: &Path,
    most_bytes: Option<u64>,
    has_tool: Tools,
) -> io::Result<Arc<dyn Storage>> {
    lacking(lack_of_btrfs(state, has_tool))?;
    let pool = if magic_is_btrfs(state) {
        None
    } else {
        Some(PoolFile::open(&pool_file(state), folder, most_bytes).await?)
    };
    Ok(Arc::new(Btrfs::open(folder, pool).await?))
}

fn open_reflink(folder: &Path, has_tool: Tools) -> io::Result<Arc<dyn Storage>> {
    lacking(lack_of_reflink(folder, has_tool))?;
    Ok(Arc::new(Images::open(folder, true)?))
}

fn open_plain(folder: &Path, reasons: &[String], has_tool: Tools) -> io::Result<Arc<dyn Storage>> {
    match lack_of_loops(has_tool) {
        None => Ok(Arc::new(Images::open(folder, false)?)),
        Some(lack) => {
            let mut reasons = reasons.to_vec();
            if !reasons.contains(&lack) {
                reasons.push(lack);
            }
            Ok(Arc::new(Folders::open(folder, &reasons.join("; "))?))
        }
    }
}

fn lacking(lack: Lack) -> io::Result<()> {
    lack.map_or(Ok(()), |sentence| Err(io::Error::other(sentence)))
}

fn lack_of_btrfs(state: &Path, has_tool: Tools) -> Lack {
    if !has_tool("btrfs") || !has_tool("mkfs.btrfs") {
        return Some("btrfs-progs is not installed".to_owned());
    }
    if magic_is_btrfs(state) {
        return None;
    }
    let known = fs::read_to_string("/proc/filesystems").unwrap_or_default();
    // The kernel may have it, and load it when it is mounted.
    if !pool_file(state).exists() && !known.lines().any(|line| line.trim() == "btrfs") {
        return Some("the kernel has no btrfs".to_owned());
    }
    lack_of_loops(has_tool)
}

fn lack_of_reflink(folder: &Path, has_tool: Tools) -> Lack {
    lack_of_loops(has_tool).or_else(|| match shares_extents(folder) {
        true => None,
        false => Some("the file system of the data folder shares no extents between files".to_owned()),
    })
}

fn lack_of_loops(has_tool: Tools) -> Lack {
    if !Path::new("/dev/loop-control").exists() {
        return Some("there are no loop devices".to_owned());
    }
    let missing = ["losetup", "mount", "mkfs.ext4"]
        .into_iter()
        .find(|tool| !has_tool(tool));
    missing.map(|tool| format!("{tool} is not installed"))
}

/// Tries it on two files without names.
fn shares_extents(folder: &Path) -> bool {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let nameless = || {
        let mut options = File::options();
        options
            .read(true)
            .write(true)
            .mode(0o600)
            .custom_flags(nix::libc::O_TMPFILE)
            .open(folder)
    };
    let (Ok(mut source), Ok(copy)) = (nameless(), nameless()) else {
        return false;
    };
    source.write_all(&[7; 4096]).is_ok() && clone_file(&source, &copy).is_ok()
}

fn foreseen_quota(existing: &Path) -> Quota {
    if magic_is_btrfs(existing) {
        Quota::find(existing)
    } else {
        Quota::of_this_kernel()
    }
}
