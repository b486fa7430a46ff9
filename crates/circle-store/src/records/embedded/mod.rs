//! The embedded adapter: one SQLite file, one writer thread with group commit, a few readers beside it.
//!
//! The layout is documents plus index entries as ordered byte keys, kept by this code and not by SQLite's own JSON
//! functions: so order, sparseness and uniqueness are the port's and not the database's. Indexes and heads that the
//! table of kinds declares anew are built when the store opens.
//!
//! Absences: no network file systems (WAL needs shared memory), no second process, no memory map.

mod catalog;
mod connection;
mod cursor;
mod keys;
mod migrate;
mod open_error;
mod read;
mod readers;
mod sqlite_error;
mod store;
mod write;
mod writer;

pub use open_error::OpenError;
pub(crate) use sqlite_error::sql;
pub use store::EmbeddedStore;
pub(crate) use writer::{Write, Writer};
