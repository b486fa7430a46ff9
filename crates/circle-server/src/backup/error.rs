//! Why a backup cannot be restored: each a sentence for the operator.

use std::path::{Path, PathBuf};

use super::head::FORMAT;

/// Why an archive is refused, or not restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A file cannot be read or written.
    #[error("cannot use {}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// It is no archive of Circle's.
    #[error("{} is no backup of Circle: {why}", path.display())]
    NoBackup {
        /// Which file.
        path: PathBuf,
        /// What is missing.
        why: String,
    },
    /// A newer Circle made it.
    #[error(
        "{} is a backup of format {found}, made by Circle {circle}; this program knows format {FORMAT}: restore it with Circle {circle}",
        path.display()
    )]
    NewerFormat {
        /// Which file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// Who made it.
        circle: String,
    },
    /// An entry is not what it was when the backup was made.
    #[error(
        "{} is damaged: {entry} is not what was written into it. Restore another backup; nothing was put in place",
        path.display()
    )]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// Which entry, or where it ends.
        entry: String,
    },
    /// The end is missing.
    #[error(
        "{} ends early, after {entries} entries: it was cut off when it was made or copied. Restore another backup; nothing was put \
         in place",
        path.display()
    )]
    Short {
        /// Which file.
        path: PathBuf,
        /// Whole entries.
        entries: u64,
    },
    /// The folder has something in it.
    #[error(
        "{} is not empty, {found} is in it: restore into another --data folder, or move that away first",
        folder.display()
    )]
    NotEmpty {
        /// The server's folder.
        folder: PathBuf,
        /// What was found first.
        found: String,
    },
    /// Values are sealed under a key that is not there.
    #[error(
        "{values} values of this backup are sealed under the master key {id}, which {given}: bring the key file of the server that was \
         backed up, with --master-key FILE"
    )]
    NoKey {
        /// Its id.
        id: String,
        /// How many values need it.
        values: u64,
        /// What was given instead.
        given: String,
    },
    /// The keys that were given cannot be read.
    #[error(transparent)]
    Vault(#[from] crate::vault::VaultError),
    /// What was restored does not open.
    #[error("the store in {} does not open: {why}", path.display())]
    Store {
        /// Which file.
        path: PathBuf,
        /// What the store said.
        why: String,
    },
}

impl BackupError {
    pub(super) fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }

    pub(super) fn no_backup(path: &Path, why: impl Into<String>) -> Self {
        let (path, why) = (path.to_owned(), why.into());
        Self::NoBackup { path, why }
    }

    pub(super) fn damaged(path: &Path, entry: impl Into<String>) -> Self {
        let (path, entry) = (path.to_owned(), entry.into());
        Self::Damaged { path, entry }
    }
}
