//! Types over documents: a kind, a schema number, and how an older body becomes a newer one.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Kind, NewDocument, StoreError, Stored, Version};

/// The field of the body that carries the schema number; a record must have no field of that name.
pub const SCHEMA_FIELD: &str = "_schema";

/// A type that is kept as documents of one kind.
pub trait Record: Serialize + DeserializeOwned + Send + Sync {
    /// Of which kind.
    const KIND: Kind;
    /// The shape that this program writes, from 1; raised when the shape changes so that older programs cannot read it.
    const SCHEMA: u32;

    /// The document's id.
    fn id(&self) -> String;

    /// Turns a body of schema `from` (below [`Record::SCHEMA`]) into one of [`Record::SCHEMA`].
    ///
    /// Called when a document is read; it is written back with its next change only. Newer bodies never get here.
    fn upgrade(from: u32, body: Value) -> Result<Value, UpgradeError> {
        let _ = body;
        Err(UpgradeError {
            from,
            to: Self::SCHEMA,
            reason: "no way is known".to_owned(),
        })
    }
}

/// Why a body of an older schema did not become a newer one.
#[derive(Debug, Clone, thiserror::Error)]
#[error("schema {from} cannot become schema {to}: {reason}")]
pub struct UpgradeError {
    /// What was stored.
    pub from: u32,
    /// What this program reads.
    pub to: u32,
    /// What is in the way.
    pub reason: String,
}

/// Why a typed document could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The store said so.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A newer Circle wrote it: start that version.
    #[error("{kind} {id} has schema {found}, this program knows up to {known}: start the newer version of Circle")]
    Newer {
        /// Of which kind.
        kind: Kind,
        /// Which document.
        id: String,
        /// Its schema.
        found: u32,
        /// What this program knows.
        known: u32,
    },
    /// An older shape that this program cannot read.
    #[error("{kind} {id} cannot be upgraded")]
    Upgrade {
        /// Of which kind.
        kind: Kind,
        /// Which document.
        id: String,
        /// Why.
        #[source]
        source: UpgradeError,
    },
    /// The body does not fit the type: a mistake in the program, or a document written by hand.
    #[error("{kind} {id} does not have the shape that this program expects")]
    Shape {
        /// Of which kind.
        kind: Kind,
        /// Which document.
        id: String,
        /// What does not fit.
        #[source]
        source: serde_json::Error,
    },
}

/// A record as a document to be written.
pub(super) fn encode<T: Record>(record: &T) -> Result<NewDocument, RecordError> {
    let id = record.id();
    let shape = |source| RecordError::Shape {
        kind: T::KIND,
        id: id.clone(),
        source,
    };
    let mut body = serde_json::to_value(record).map_err(shape)?;
    if let Value::Object(map) = &mut body {
        map.insert(SCHEMA_FIELD.to_owned(), Value::from(T::SCHEMA));
    }
    Ok(NewDocument {
        kind: T::KIND,
        id,
        body,
    })
}

/// A document as a record, upgraded where it is older.
pub(super) fn decode<T: Record>(stored: Stored) -> Result<(T, Version), RecordError> {
    let Stored {
        id, version, mut body, ..
    } = stored;
    let found = take_schema(&mut body);
    if found > T::SCHEMA {
        return Err(RecordError::Newer {
            kind: T::KIND,
            id,
            found,
            known: T::SCHEMA,
        });
    }
    if found < T::SCHEMA {
        body = T::upgrade(found, body).map_err(|source| RecordError::Upgrade {
            kind: T::KIND,
            id: id.clone(),
            source,
        })?;
    }
    let record = serde_json::from_value(body).map_err(|source| RecordError::Shape {
        kind: T::KIND,
        id,
        source,
    })?;
    Ok((record, version))
}

/// A body without the field counts as schema 0, which no record writes.
fn take_schema(body: &mut Value) -> u32 {
    let field = body.as_object_mut().and_then(|map| map.remove(SCHEMA_FIELD));
    field
        .and_then(|value| value.as_u64())
        .and_then(|number| u32::try_from(number).ok())
        .unwrap_or(0)
}
