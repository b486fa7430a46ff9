//! Backup and restore: everything that the server keeps, at one moment, in one archive.
//!
//! A tar of plain files, so that it can be looked into without Circle: [`head::HEAD`] says of which version it is,
//! `records/circle.db` is the store at the moment of the backup, [`head::KEYS`] tells which master keys it needs, then come the
//! logs and the outputs that the store names, and [`archive::SUMS`] at the end, which `sha256sum -c` reads as well. An archive
//! without its last entry is not whole.
//!
//! Promises: runs, hooks and workers go on while a backup is made; nothing that the store names is removed meanwhile; logs are at
//! least as long as the store says. A restore writes nothing into a folder that has something, and nothing is in its place before
//! everything was checked. Absences: master keys are never inside, nor is the administrator's token; mirrors are fetched anew.

mod archive;
mod check;
mod error;
mod head;
mod make;
mod restore;
mod turns;

pub use check::{Checked, check};
pub use error::BackupError;
pub use head::{FORMAT, Head, NeededKey};
pub(crate) use make::stream;
pub(crate) use restore::{IN_PROGRESS, RESTORED};
pub use restore::{Keys, restore};
pub(crate) use turns::{Sources, Turns};
