//! Which number each declared index has in the database, and building what was declared since.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use serde_json::Value;

use super::keys::key_of;
use super::open_error::OpenError;
use super::sqlite_error::{bad_json, sql};
use crate::records::{Index, Kind, StoreError, head_of, index_values};

/// The catalog's name for the head of a kind; no index may be called so.
const HEAD: &str = "#head";

/// Numbers of the declared indexes.
#[derive(Debug)]
pub(super) struct Catalog {
    numbers: HashMap<(Kind, &'static str), i64>,
}

impl Catalog {
    /// Reads the catalog and, in one transaction, builds new and changed indexes and heads and drops undeclared ones.
    pub(super) fn bring_up(connection: &mut Connection) -> Result<Self, OpenError> {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut numbers = HashMap::new();
        for kind in Kind::all() {
            bring_up_head(&transaction, kind)?;
            for index in kind.indexes() {
                numbers.insert((kind, index.name), bring_up_index(&transaction, index)?);
            }
        }
        drop_undeclared(&transaction)?;
        transaction.commit()?;
        Ok(Self { numbers })
    }

    /// The number of an index, or that it is not declared.
    pub(super) fn number(&self, index: &Index) -> Result<i64, StoreError> {
        let number = self.numbers.get(&(index.kind, index.name)).copied();
        number.ok_or(StoreError::UnknownIndex {
            kind: index.kind,
            index: index.name,
        })
    }
}

fn bring_up_index(transaction: &Transaction<'_>, index: &Index) -> Result<i64, OpenError> {
    let declared = format!(
        "{} {}",
        if index.unique { "unique" } else { "ordered" },
        index.fields.join(" ")
    );
    let (number, fresh) = declare(transaction, index.kind, index.name, &declared)?;
    if fresh {
        transaction.execute("DELETE FROM entry WHERE idx = ?1", [number])?;
        each_document(transaction, index.kind, |id, body| {
            build_entry(transaction, index, number, id, body)
        })?;
    }
    Ok(number)
}

fn build_entry(
    transaction: &Transaction<'_>,
    index: &Index,
    number: i64,
    id: &str,
    body: &Value,
) -> Result<(), OpenError> {
    let Some(values) = index_values(index, body)? else {
        return Ok(());
    };
    let key = key_of(&values)?;
    if index.unique {
        let find = "SELECT id FROM entry WHERE idx = ?1 AND key = ?2";
        let other: Option<String> = transaction
            .query_row(find, params![number, key], |row| row.get(0))
            .optional()?;
        if let Some(first) = other {
            return Err(OpenError::NotUnique {
                kind: index.kind,
                index: index.name,
                first,
                second: id.to_owned(),
            });
        }
    }
    transaction.execute(
        "INSERT INTO entry (idx, key, id) VALUES (?1, ?2, ?3)",
        params![number, key, id],
    )?;
    Ok(())
}

fn bring_up_head(transaction: &Transaction<'_>, kind: Kind) -> Result<(), OpenError> {
    let (_, fresh) = declare(transaction, kind, HEAD, &kind.head().join(" "))?;
    if fresh {
        each_document(transaction, kind, |id, body| {
            let head = head_of(kind, body)?.to_string();
            let set = "UPDATE doc SET head = ?3 WHERE kind = ?1 AND id = ?2";
            transaction.execute(set, params![kind.name(), id, head])?;
            Ok(())
        })?;
    }
    Ok(())
}

/// The number of a catalog line, and whether it is new or changed.
fn declare(transaction: &Transaction<'_>, kind: Kind, name: &str, declared: &str) -> Result<(i64, bool), OpenError> {
    let find = "SELECT num, declared FROM catalog WHERE kind = ?1 AND name = ?2";
    let known: Option<(i64, String)> = transaction
        .query_row(find, params![kind.name(), name], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    match known {
        Some((number, before)) if before == declared => Ok((number, false)),
        Some((number, _)) => {
            transaction.execute(
                "UPDATE catalog SET declared = ?2 WHERE num = ?1",
                params![number, declared],
            )?;
            Ok((number, true))
        }
        None => {
            let insert = "INSERT INTO catalog (kind, name, declared) VALUES (?1, ?2, ?3)";
            transaction.execute(insert, params![kind.name(), name, declared])?;
            Ok((transaction.last_insert_rowid(), true))
        }
    }
}

/// One document at a time in memory, by id.
fn each_document(
    transaction: &Transaction<'_>,
    kind: Kind,
    mut handle: impl FnMut(&str, &Value) -> Result<(), OpenError>,
) -> Result<(), OpenError> {
    let next = "SELECT id, body FROM doc WHERE kind = ?1 AND id > ?2 ORDER BY id LIMIT 1";
    let mut statement = transaction.prepare(next)?;
    let mut last = String::new();
    loop {
        let row: Option<(String, String)> = statement
            .query_row(params![kind.name(), last], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((id, body)) = row else { return Ok(()) };
        let body = serde_json::from_str(&body).map_err(|error| bad_json("body", &id, &error))?;
        handle(&id, &body)?;
        last = id;
    }
}

fn drop_undeclared(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    let mut statement = transaction
        .prepare("SELECT num, kind, name FROM catalog")
        .map_err(sql)?;
    let rows = statement
        .query_map([], |row| {
            Ok((
                row.get::<_, i64>(0)?,
                row.get::<_, String>(1)?,
                row.get::<_, String>(2)?,
            ))
        })
        .map_err(sql)?;
    for row in rows {
        let (number, kind, name) = row.map_err(sql)?;
        let declared = Kind::all()
            .filter(|known| known.name() == kind)
            .any(|known| name == HEAD || known.indexes().iter().any(|index| index.name == name));
        if !declared {
            transaction
                .execute("DELETE FROM entry WHERE idx = ?1", [number])
                .map_err(sql)?;
            transaction
                .execute("DELETE FROM catalog WHERE num = ?1", [number])
                .map_err(sql)?;
        }
    }
    Ok(())
}
