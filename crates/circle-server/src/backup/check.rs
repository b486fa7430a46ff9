//! Reads an archive from its beginning to its end, and compares every entry with its sum.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::archive::SUMS;
use super::error::BackupError;
use super::head::{DATABASE, FORMAT, HEAD, Head, KEYS, NeededKey};

/// What is read at once.
const PIECE_BYTES: usize = 256 * 1024;
/// Most bytes of what the archive says of itself: a thousand keys have less.
const SAID_BYTES: u64 = 1024 * 1024;

/// A whole archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// What it says of itself.
    pub head: Head,
    /// The master keys that it needs.
    pub keys: Vec<NeededKey>,
    /// Files in it.
    pub entries: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Reads a whole archive and changes nothing.
///
/// # Errors
/// [`BackupError`] names what is wrong with it.
pub fn check(path: &Path) -> Result<Checked, BackupError> {
    read(path, None, |_| Ok(()))
}

/// Reads everything, unpacks it into a folder where one is given and if `may` says so once it is known which keys are needed.
pub(super) fn read(
    path: &Path,
    into: Option<&Path>,
    may: impl Fn(&[NeededKey]) -> Result<(), BackupError>,
) -> Result<Checked, BackupError> {
    let file = File::open(path).map_err(BackupError::file(path))?;
    let mut archive = tar::Archive::new(BufReader::with_capacity(PIECE_BYTES, file));
    let (mut seen, mut refused) = (Seen::new(path, into), None);
    let entries = archive.entries().map_err(BackupError::file(path))?;
    for entry in entries {
        let mut entry = entry.map_err(|error| seen.broken(&error))?;
        let name = seen.name_of(&entry)?;
        let size = entry.header().entry_size().map_err(|error| seen.broken(&error))?;
        if name == SUMS {
            seen.compare(BufReader::new(&mut entry))?;
            return refused.map_or_else(|| seen.whole(), Err);
        }
        match name.as_str() {
            HEAD => seen.head = Some(head(path, &seen.said(&name, size, &mut entry)?)?),
            KEYS => {
                let keys: Vec<NeededKey> = parsed(path, KEYS, &seen.said(&name, size, &mut entry)?)?;
                if let Err(error) = may(&keys) {
                    // Whether it is refused or only damaged is known at the end; until there nothing more is unpacked.
                    (refused, seen.into) = (Some(error), None);
                }
                seen.keys = Some(keys);
            }
            _ => seen.file(&name, size, &mut entry)?,
        }
    }
    Err(seen.short())
}

/// What was read of an archive so far.
struct Seen<'a> {
    path: &'a Path,
    into: Option<&'a Path>,
    head: Option<Head>,
    keys: Option<Vec<NeededKey>>,
    database: bool,
    /// The hash of each entry's line in the sums: so much is remembered of an entry, however many there are.
    lines: Vec<[u8; 32]>,
    bytes: u64,
}

impl<'a> Seen<'a> {
    fn new(path: &'a Path, into: Option<&'a Path>) -> Self {
        Self {
            path,
            into,
            head: None,
            keys: None,
            database: false,
            lines: Vec::new(),
            bytes: 0,
        }
    }

    /// A name that this program writes; anything else was not made by a backup, and might lead out of the folder.
    fn name_of<R: Read>(&self, entry: &tar::Entry<'_, R>) -> Result<String, BackupError> {
        let name = String::from_utf8(entry.path_bytes().into_owned()).unwrap_or_default();
        let plain = entry.header().entry_type() == tar::EntryType::Regular && is_ours(&name);
        if self.head.is_none() && name != HEAD {
            return Err(BackupError::no_backup(
                self.path,
                format!("{HEAD} is not its first entry"),
            ));
        }
        if !plain {
            return Err(BackupError::damaged(self.path, self.after()));
        }
        Ok(name)
    }

    /// What the archive says of itself.
    fn said(&mut self, name: &str, size: u64, entry: impl Read) -> Result<Vec<u8>, BackupError> {
        if size > SAID_BYTES {
            return Err(BackupError::damaged(self.path, name));
        }
        let mut text = Vec::new();
        self.copy(name, size, entry, &mut text)?;
        Ok(text)
    }

    fn file(&mut self, name: &str, size: u64, entry: impl Read) -> Result<(), BackupError> {
        self.database |= name == DATABASE;
        let Some(into) = self.into else {
            return self.copy(name, size, entry, &mut std::io::sink());
        };
        let path = into.join(name);
        let folder = path.parent().unwrap_or(into);
        let mut builder = DirBuilder::new();
        let made = builder.recursive(true).mode(0o700).create(folder);
        let mut options = OpenOptions::new();
        let opened = made.and_then(|()| options.write(true).create_new(true).mode(0o600).open(&path));
        let mut file = opened.map_err(BackupError::file(&path))?;
        self.copy(name, size, entry, &mut file)?;
        file.sync_all().map_err(BackupError::file(&path))
    }

    /// Copies an entry and remembers what its line in the sums has to be.
    fn copy(&mut self, name: &str, size: u64, mut entry: impl Read, to: &mut dyn Write) -> Result<(), BackupError> {
        let (mut hash, mut left, mut piece) = (Sha256::new(), size, vec![0; PIECE_BYTES]);
        while left > 0 {
            let count = match entry.read(&mut piece) {
                Ok(0) => return Err(self.short()),
                Ok(count) => count,
                Err(error) => return Err(self.broken(&error)),
            };
            hash.update(&piece[..count]);
            let written = to.write_all(&piece[..count]);
            written.map_err(BackupError::file(&self.into.unwrap_or(self.path).join(name)))?;
            left -= count as u64;
        }
        let line = format!("{}  {name}", hex::encode(hash.finalize()));
        self.lines.push(Sha256::digest(line).into());
        self.bytes += size;
        Ok(())
    }

    /// Compares the sums with what was read.
    fn compare(&self, sums: impl BufRead) -> Result<(), BackupError> {
        let mut count = 0;
        for line in sums.lines() {
            let line = line.map_err(|error| self.broken(&error))?;
            let name = line.split_once("  ").map_or(SUMS, |(_, name)| name);
            let fits = self
                .lines
                .get(count)
                .is_some_and(|known| *known == *Sha256::digest(&line));
            if !fits {
                let shown: String = name.chars().filter(|c| !c.is_control()).take(120).collect();
                return Err(BackupError::damaged(self.path, shown));
            }
            count += 1;
        }
        if count < self.lines.len() {
            return Err(BackupError::damaged(self.path, SUMS));
        }
        Ok(())
    }

    fn whole(self) -> Result<Checked, BackupError> {
        let lacks = |what: &str| BackupError::no_backup(self.path, format!("{what} is not in it"));
        if !self.database {
            return Err(lacks(DATABASE));
        }
        Ok(Checked {
            head: self.head.ok_or_else(|| lacks(HEAD))?,
            keys: self.keys.ok_or_else(|| lacks(KEYS))?,
            entries: self.lines.len() as u64,
            bytes: self.bytes,
        })
    }

    fn short(&self) -> BackupError {
        BackupError::Short {
            path: self.path.to_owned(),
            entries: self.lines.len() as u64,
        }
    }

    /// A header that is none, or a file that cannot be read.
    fn broken(&self, error: &std::io::Error) -> BackupError {
        match error.kind() {
            ErrorKind::UnexpectedEof => self.short(),
            // The reader of tars tells in this way what is wrong with a header.
            ErrorKind::Other | ErrorKind::InvalidData if self.lines.is_empty() => {
                BackupError::no_backup(self.path, "it is no tar")
            }
            ErrorKind::Other | ErrorKind::InvalidData => BackupError::damaged(self.path, self.after()),
            kind => BackupError::file(self.path)(std::io::Error::from(kind)),
        }
    }

    fn after(&self) -> String {
        format!("what comes after {} entries", self.lines.len())
    }
}

/// The format is looked at before the rest: another format may say other things.
fn head(path: &Path, text: &[u8]) -> Result<Head, BackupError> {
    let head: Head = parsed(path, HEAD, text)?;
    if head.format > FORMAT {
        return Err(BackupError::NewerFormat {
            path: path.to_owned(),
            found: head.format,
            circle: head.circle,
        });
    }
    Ok(head)
}

fn parsed<T: DeserializeOwned>(path: &Path, name: &str, text: &[u8]) -> Result<T, BackupError> {
    serde_json::from_slice(text).map_err(|_| BackupError::damaged(path, name))
}

fn is_ours(name: &str) -> bool {
    let fits = |part: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        !part.is_empty() && !part.starts_with('.') && part.bytes().all(plain)
    };
    match name {
        HEAD | KEYS | DATABASE | SUMS => true,
        other => (other.starts_with("logs/") || other.starts_with("blobs/")) && other.split('/').all(fits),
    }
}

#[cfg(test)]
mod tests {
    use super::is_ours;

    #[test]
    fn only_names_that_a_backup_writes_are_taken() {
        for name in [
            "logs/live/run_1/0000.log",
            "blobs/sha256/ab/abcd",
            "records/circle.db",
            "SHA256SUMS",
        ] {
            assert!(is_ours(name), "{name}");
        }
        for name in [
            "logs/../../etc/passwd",
            "/etc/passwd",
            "logs//x",
            "logs/.x",
            "master-key",
            "records/x",
            "blobs/a b",
            "",
        ] {
            assert!(!is_ours(name), "{name}");
        }
    }
}
