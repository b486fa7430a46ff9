//! Get, find and count on one connection.

use rusqlite::types::Value as SqlValue;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::catalog::Catalog;
use super::cursor::Place;
use super::keys::span;
use super::sqlite_error::sql;
use super::write::{parse, version};
use crate::records::{Head, Kind, Order, Page, Query, StoreError, Stored};

pub(super) fn get(connection: &Connection, kind: Kind, id: &str) -> Result<Option<Stored>, StoreError> {
    let find = "SELECT version, body FROM doc WHERE kind = ?1 AND id = ?2";
    let mut statement = connection.prepare_cached(find).map_err(sql)?;
    let row: Option<(i64, String)> = statement
        .query_row(params![kind.name(), id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
        .map_err(sql)?;
    let Some((number, text)) = row else { return Ok(None) };
    let body = parse("body", id, &text)?;
    Ok(Some(Stored {
        kind,
        id: id.to_owned(),
        version: version(number),
        body,
    }))
}

pub(super) fn find(connection: &Connection, catalog: &Catalog, query: &Query) -> Result<Page, StoreError> {
    let mut rows = if query.index.fields.is_empty() {
        find_by_id(connection, query)?
    } else {
        find_by_index(connection, catalog, query)?
    };
    // One row more than asked for was read: it says that there is a next page.
    let more = rows.len() > query.limit;
    rows.truncate(query.limit);
    let next = rows.last().filter(|_| more).map(|row| row.place.to_cursor());
    let heads = rows.into_iter().map(Found::into_head).collect::<Result<_, _>>()?;
    Ok(Page { heads, next })
}

pub(super) fn count(connection: &Connection, catalog: &Catalog, query: &Query) -> Result<u64, StoreError> {
    let number: i64 = if query.index.fields.is_empty() {
        let text = "SELECT count(*) FROM doc WHERE kind = ?1";
        let mut statement = connection.prepare_cached(text).map_err(sql)?;
        statement
            .query_row([query.index.kind.name()], |row| row.get(0))
            .map_err(sql)?
    } else {
        let (from, to) = span(query);
        let text = "SELECT count(*) FROM entry WHERE idx = ?1 AND key >= ?2 AND key < ?3";
        let mut statement = connection.prepare_cached(text).map_err(sql)?;
        let index = catalog.number(&query.index)?;
        statement
            .query_row(params![index, from, to], |row| row.get(0))
            .map_err(sql)?
    };
    Ok(number.unsigned_abs())
}

/// A row of a result.
struct Found {
    place: Place,
    version: i64,
    head: String,
}

impl Found {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let place = Place {
            key: row.get(0)?,
            id: row.get(1)?,
        };
        Ok(Self {
            place,
            version: row.get(2)?,
            head: row.get(3)?,
        })
    }

    fn into_head(self) -> Result<Head, StoreError> {
        let id = self.place.id;
        let fields = parse("head", &id, &self.head)?;
        Ok(Head {
            id,
            version: version(self.version),
            fields,
        })
    }
}

fn find_by_id(connection: &Connection, query: &Query) -> Result<Vec<Found>, StoreError> {
    let text = match query.order {
        Order::Ascending => {
            "SELECT x'', id, version, head FROM doc WHERE kind = ?1 AND id > ?2 ORDER BY id ASC LIMIT ?3"
        }
        Order::Descending => {
            "SELECT x'', id, version, head FROM doc WHERE kind = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3"
        }
    };
    let after = match (&query.cursor, query.order) {
        (Some(cursor), _) => SqlValue::Text(Place::from_cursor(cursor)?.id),
        (None, Order::Ascending) => SqlValue::Text(String::new()),
        // To SQLite every text is less than any blob.
        (None, Order::Descending) => SqlValue::Blob(Vec::new()),
    };
    let mut statement = connection.prepare_cached(text).map_err(sql)?;
    let rows = statement
        .query_map(params![query.index.kind.name(), after, limit_of(query)], Found::read)
        .map_err(sql)?;
    rows.collect::<Result<_, _>>().map_err(sql)
}

fn find_by_index(connection: &Connection, catalog: &Catalog, query: &Query) -> Result<Vec<Found>, StoreError> {
    // CROSS JOIN keeps SQLite from walking the documents first.
    let text = match query.order {
        Order::Ascending => {
            "SELECT e.key, e.id, d.version, d.head FROM entry e CROSS JOIN doc d ON d.kind = ?1 AND d.id = e.id \
             WHERE e.idx = ?2 AND e.key >= ?3 AND e.key < ?4 AND (e.key, e.id) > (?5, ?6) \
             ORDER BY e.key ASC, e.id ASC LIMIT ?7"
        }
        Order::Descending => {
            "SELECT e.key, e.id, d.version, d.head FROM entry e CROSS JOIN doc d ON d.kind = ?1 AND d.id = e.id \
             WHERE e.idx = ?2 AND e.key >= ?3 AND e.key < ?4 AND (e.key, e.id) < (?5, ?6) \
             ORDER BY e.key DESC, e.id DESC LIMIT ?7"
        }
    };
    let (from, to) = span(query);
    let place = match &query.cursor {
        Some(cursor) => Place::from_cursor(cursor)?,
        None if query.order == Order::Ascending => Place {
            key: from.clone(),
            id: String::new(),
        },
        None => Place {
            key: to.clone(),
            id: String::new(),
        },
    };
    let mut statement = connection.prepare_cached(text).map_err(sql)?;
    let index = catalog.number(&query.index)?;
    let parameters = params![
        query.index.kind.name(),
        index,
        from,
        to,
        place.key,
        place.id,
        limit_of(query)
    ];
    let rows = statement.query_map(parameters, Found::read).map_err(sql)?;
    rows.collect::<Result<_, _>>().map_err(sql)
}

fn limit_of(query: &Query) -> i64 {
    i64::try_from(query.limit).unwrap_or(i64::MAX - 1) + 1
}
