//! Insert, replace and delete, each inside a savepoint of the writer's transaction.

use rusqlite::{OptionalExtension, params};
use serde_json::Value;

use super::catalog::Catalog;
use super::keys::key_of;
use super::sqlite_error::{bad_json, sql};
use super::writer::Write;
use crate::records::{Index, Kind, NewDocument, StoreError, Stored, Version, head_of, index_values};

/// A document worked out as far as possible before the writer's thread sees it.
#[derive(Debug)]
pub(super) struct Prepared {
    kind: Kind,
    id: String,
    head: String,
    body: String,
    entries: Vec<PreparedEntry>,
}

#[derive(Debug, PartialEq, Eq)]
struct PreparedEntry {
    index: Index,
    number: i64,
    key: Vec<u8>,
}

/// Checks bounds and works out head and entries.
pub(super) fn prepare(catalog: &Catalog, new: &NewDocument) -> Result<Prepared, StoreError> {
    let body = new.checked_body()?;
    let head = head_of(new.kind, &new.body)?.to_string();
    let entries = entries(catalog, new.kind, &new.body)?;
    Ok(Prepared {
        kind: new.kind,
        id: new.id.clone(),
        head,
        body,
        entries,
    })
}

pub(super) fn insert(write: &mut Write<'_>, new: &Prepared) -> Result<Version, StoreError> {
    if find(write, new.kind, &new.id)?.is_some() {
        return Err(StoreError::Conflict {
            kind: new.kind,
            index: "id",
        });
    }
    let number = write.next_number();
    put_entries(write, new, &new.entries)?;
    let insert = "INSERT INTO doc (kind, id, version, head, body) VALUES (?1, ?2, ?3, ?4, ?5)";
    execute(
        write,
        insert,
        params![new.kind.name(), new.id, number, new.head, new.body],
    )?;
    Ok(version(number))
}

pub(super) fn replace(
    write: &mut Write<'_>,
    catalog: &Catalog,
    new: &Prepared,
    expected: Version,
) -> Result<Version, StoreError> {
    let before = expect(write, new.kind, &new.id, expected)?;
    let number = write.next_number();
    let old = entries(catalog, new.kind, &before.body)?;
    remove_entries(write, &new.id, old.iter().filter(|entry| !new.entries.contains(entry)))?;
    put_entries(write, new, new.entries.iter().filter(|entry| !old.contains(entry)))?;
    let update = "UPDATE doc SET version = ?3, head = ?4, body = ?5 WHERE kind = ?1 AND id = ?2";
    execute(
        write,
        update,
        params![new.kind.name(), new.id, number, new.head, new.body],
    )?;
    Ok(version(number))
}

pub(super) fn delete(
    write: &mut Write<'_>,
    catalog: &Catalog,
    kind: Kind,
    id: &str,
    expected: Version,
) -> Result<(), StoreError> {
    let before = expect(write, kind, id, expected)?;
    remove_entries(write, id, &entries(catalog, kind, &before.body)?)?;
    execute(
        write,
        "DELETE FROM doc WHERE kind = ?1 AND id = ?2",
        params![kind.name(), id],
    )
}

fn expect(write: &Write<'_>, kind: Kind, id: &str, expected: Version) -> Result<Stored, StoreError> {
    match find(write, kind, id)? {
        Some(stored) if stored.version == expected => Ok(stored),
        other => Err(StoreError::Stale {
            current: other.map(Box::new),
        }),
    }
}

fn find(write: &Write<'_>, kind: Kind, id: &str) -> Result<Option<Stored>, StoreError> {
    super::read::get(write.connection, kind, id)
}

fn entries(catalog: &Catalog, kind: Kind, body: &Value) -> Result<Vec<PreparedEntry>, StoreError> {
    let mut entries = Vec::with_capacity(kind.indexes().len());
    for index in kind.indexes() {
        if let Some(values) = index_values(index, body)? {
            entries.push(PreparedEntry {
                index: *index,
                number: catalog.number(index)?,
                key: key_of(&values)?,
            });
        }
    }
    Ok(entries)
}

fn put_entries<'a>(
    write: &Write<'_>,
    new: &Prepared,
    entries: impl IntoIterator<Item = &'a PreparedEntry>,
) -> Result<(), StoreError> {
    for entry in entries {
        if entry.index.unique && is_taken(write, entry)? {
            return Err(StoreError::Conflict {
                kind: new.kind,
                index: entry.index.name,
            });
        }
        let insert = "INSERT INTO entry (idx, key, id) VALUES (?1, ?2, ?3)";
        execute(write, insert, params![entry.number, entry.key, new.id])?;
    }
    Ok(())
}

/// Whoever has the key is another document: entries that a document keeps are not put again.
fn is_taken(write: &Write<'_>, entry: &PreparedEntry) -> Result<bool, StoreError> {
    let find = "SELECT 1 FROM entry WHERE idx = ?1 AND key = ?2 LIMIT 1";
    let mut statement = write.connection.prepare_cached(find).map_err(sql)?;
    let found = statement
        .query_row(params![entry.number, entry.key], |_| Ok(()))
        .optional()
        .map_err(sql)?;
    Ok(found.is_some())
}

fn remove_entries<'a>(
    write: &Write<'_>,
    id: &str,
    entries: impl IntoIterator<Item = &'a PreparedEntry>,
) -> Result<(), StoreError> {
    for entry in entries {
        let delete = "DELETE FROM entry WHERE idx = ?1 AND key = ?2 AND id = ?3";
        execute(write, delete, params![entry.number, entry.key, id])?;
    }
    Ok(())
}

fn execute(write: &Write<'_>, text: &str, parameters: &[&dyn rusqlite::ToSql]) -> Result<(), StoreError> {
    let mut statement = write.connection.prepare_cached(text).map_err(sql)?;
    statement.execute(parameters).map_err(sql)?;
    Ok(())
}

/// Numbers begin at 1 and only grow.
pub(super) fn version(number: i64) -> Version {
    Version(number.unsigned_abs())
}

/// A stored body as JSON.
pub(super) fn parse(what: &str, id: &str, text: &str) -> Result<Value, StoreError> {
    serde_json::from_str(text).map_err(|error| bad_json(what, id, &error))
}
