//! The master keys: one file, mode 0600, a line for each key; the last line seals, all of them open.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rand::Rng;
use zeroize::Zeroizing;

/// Length of a key in bytes.
pub(super) const KEY_BYTES: usize = 32;

/// Why the vault does not open or seal.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The file cannot be made or read.
    #[error("cannot use the master key {path}: {source}")]
    File {
        /// Which file.
        path: String,
        #[source]
        source: std::io::Error,
    },
    /// A line is no key.
    #[error(
        "line {line} of the master key {path} is no `<id> <base64 of 32 bytes>`: restore the file from your backup"
    )]
    Line {
        /// Which file.
        path: String,
        /// Counts from 1.
        line: usize,
    },
    /// The store holds sealed values, and the file is not there.
    #[error(
        "the master key {path} is missing, and {values} values are sealed under it: restore the file from your backup"
    )]
    Missing {
        /// Which file.
        path: String,
        /// How many values need it.
        values: u64,
    },
    /// The command that prints the keys does not.
    #[error("the command {program} gives no master key: {why}")]
    Command {
        /// Its first word; the others may be anything.
        program: String,
        /// What went wrong.
        why: String,
    },
    /// The command still ends with the key that seals.
    #[error(
        "the command still ends with the master key {id}: let it print another key after that one, then rotate again"
    )]
    SameKey {
        /// Its id.
        id: String,
    },
    /// The key that seals cannot go.
    #[error("the master key {id} seals: rotate first")]
    Sealing {
        /// Its id.
        id: String,
    },
    /// The command still prints a key that is to go.
    #[error("the command still prints the master key {id}: take it out there, then remove it here again")]
    StillPrinted {
        /// Its id.
        id: String,
    },
    /// The key that sealed a value is not known.
    #[error("the master key {id} is not there: restore the key file that belongs to this store")]
    UnknownKey {
        /// Its id.
        id: String,
    },
    /// The value was changed, moved, or sealed under another key of the same id.
    #[error("a sealed value does not open: it was changed, or belongs elsewhere")]
    Damaged,
}

impl VaultError {
    pub(super) fn file(path: &Path, source: std::io::Error) -> Self {
        let path = path.display().to_string();
        Self::File { path, source }
    }
}

/// One master key.
pub(super) struct MasterKey {
    pub(super) id: String,
    pub(super) bytes: Zeroizing<[u8; KEY_BYTES]>,
}

/// Reads the file, or makes it with one new key. Never empty.
pub(super) fn load_or_make(path: &Path) -> Result<Vec<MasterKey>, VaultError> {
    let file = |source| VaultError::file(path, source);
    match std::fs::read_to_string(path) {
        Ok(text) => parse(path, &Zeroizing::new(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => make(path).map_err(file),
        Err(error) => Err(file(error)),
    }
}

fn make(path: &Path) -> std::io::Result<Vec<MasterKey>> {
    let keys = vec![new_key()];
    write(path, &keys)?;
    Ok(keys)
}

/// A key with an id, both random.
pub(super) fn new_key() -> MasterKey {
    let mut bytes = Zeroizing::new([0; KEY_BYTES]);
    rand::rng().fill_bytes(bytes.as_mut_slice());
    let mut id = [0; 4];
    rand::rng().fill_bytes(&mut id);
    MasterKey {
        id: hex::encode(id),
        bytes,
    }
}

/// Puts these keys in the place of the file. Written aside and renamed: a crash leaves either what was there or all of them.
pub(super) fn write(path: &Path, keys: &[MasterKey]) -> std::io::Result<()> {
    let mut text = Zeroizing::new(String::new());
    for key in keys {
        let encoded = Zeroizing::new(STANDARD.encode(key.bytes.as_slice()));
        for part in [key.id.as_str(), " ", encoded.as_str(), "\n"] {
            text.push_str(part);
        }
    }
    let aside = path.with_extension("new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&aside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&aside, path)?;
    if let Some(folder) = path.parent() {
        std::fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}

pub(super) fn parse(path: &Path, text: &str) -> Result<Vec<MasterKey>, VaultError> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let keys: Vec<MasterKey> = lines
        .map(|(index, line)| {
            parse_line(line).ok_or_else(|| VaultError::Line {
                path: path.display().to_string(),
                line: index + 1,
            })
        })
        .collect::<Result<_, _>>()?;
    if keys.is_empty() {
        return Err(VaultError::Line {
            path: path.display().to_string(),
            line: 1,
        });
    }
    Ok(keys)
}

fn parse_line(line: &str) -> Option<MasterKey> {
    let (id, text) = line.trim().split_once(' ')?;
    let decoded = Zeroizing::new(STANDARD.decode(text.trim()).ok()?);
    let bytes: [u8; KEY_BYTES] = decoded.as_slice().try_into().ok()?;
    Some(MasterKey {
        id: id.to_owned(),
        bytes: Zeroizing::new(bytes),
    })
}
