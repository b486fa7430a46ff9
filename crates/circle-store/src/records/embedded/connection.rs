//! How connections are set up: durable, small.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

/// Pages that the writer keeps, in KiB.
const WRITER_CACHE_KIB: i32 = 2048;
/// Pages that each reader keeps, in KiB: with the readers' number it bounds what the store costs at rest.
const READER_CACHE_KIB: i32 = 512;
/// The write-ahead log is cut back to this after a checkpoint, in bytes.
const WAL_LIMIT_BYTES: i32 = 16 * 1024 * 1024;
/// How long SQLite waits by itself for a checkpoint or a recovery of another connection.
const BUSY_WAIT: Duration = Duration::from_secs(5);
/// Prepared statements kept for each connection: more than there are different ones.
const STATEMENTS: usize = 32;

/// The one connection that writes.
pub(super) fn open_writer(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_WAIT)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // FULL syncs the write-ahead log at every commit: an acknowledged write survives loss of power.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "journal_size_limit", WAL_LIMIT_BYTES)?;
    set_up(&connection, WRITER_CACHE_KIB)?;
    Ok(connection)
}

/// A connection that only reads.
pub(super) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_WAIT)?;
    set_up(&connection, READER_CACHE_KIB)?;
    Ok(connection)
}

fn set_up(connection: &Connection, cache_kib: i32) -> rusqlite::Result<()> {
    connection.pragma_update(None, "cache_size", -cache_kib)?;
    connection.pragma_update(None, "mmap_size", 0)?;
    // A statement's plan does not depend on what is bound to it; else SQLite prepares it anew for each new value.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(())
}
