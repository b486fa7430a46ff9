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
    /// The key that sealed a value is not in the file.
    #[error("the master key {id} is not there: restore the key file that belongs to this store")]
    UnknownKey {
        /// Its id.
        id: String,
    },
    /// The value was changed, moved, or sealed under another key of the same id.
    #[error("a sealed value does not open: it was changed, or belongs elsewhere")]
    Damaged,
}

/// One master key.
pub(super) struct MasterKey {
    pub(super) id: String,
    pub(super) bytes: Zeroizing<[u8; KEY_BYTES]>,
}

/// Reads the file, or makes it with one new key. Never empty.
pub(super) fn load_or_make(path: &Path) -> Result<Vec<MasterKey>, VaultError> {
    let file = |source| VaultError::File {
        path: path.display().to_string(),
        source,
    };
    match std::fs::read_to_string(path) {
        Ok(text) => parse(path, &Zeroizing::new(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => make(path).map_err(file),
        Err(error) => Err(file(error)),
    }
}

fn make(path: &Path) -> std::io::Result<Vec<MasterKey>> {
    let mut bytes = Zeroizing::new([0; KEY_BYTES]);
    rand::rng().fill_bytes(bytes.as_mut_slice());
    let mut id = [0; 4];
    rand::rng().fill_bytes(&mut id);
    let key = MasterKey {
        id: hex::encode(id),
        bytes,
    };
    let line = Zeroizing::new(format!(
        "{} {}\n",
        key.id,
        *Zeroizing::new(STANDARD.encode(key.bytes.as_slice()))
    ));
    // Written aside and renamed: a crash leaves either no key or a whole one.
    let aside = path.with_extension("new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&aside)?;
    file.write_all(line.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&aside, path)?;
    if let Some(folder) = path.parent() {
        std::fs::File::open(folder)?.sync_all()?;
    }
    Ok(vec![key])
}

fn parse(path: &Path, text: &str) -> Result<Vec<MasterKey>, VaultError> {
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
