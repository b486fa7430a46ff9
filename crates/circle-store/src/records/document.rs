//! Documents as the port sees them: a kind, an id, a version, a JSON body.

use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Kind, StoreError};

/// The largest body as JSON text, in bytes: what grows without bound (logs, marks) does not belong in a document.
pub const DOCUMENT_BYTES: usize = 256 * 1024;
/// The largest head as JSON text, in bytes: a page of heads stays below a megabyte.
pub const HEAD_BYTES: usize = 8 * 1024;
/// The longest id, in bytes.
pub const ID_BYTES: usize = 200;
/// The longest key of an index entry, in encoded bytes.
pub const INDEX_KEY_BYTES: usize = 1024;

/// Grows with every write of a document. Meaningful only for equality, between a read and the write that follows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Version(pub u64);

impl fmt::Display for Version {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.0)
    }
}

/// A document to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct NewDocument {
    /// What it is.
    pub kind: Kind,
    /// Which one: 1 to [`ID_BYTES`] bytes, unique in its kind.
    pub id: String,
    /// A JSON object of at most [`DOCUMENT_BYTES`].
    pub body: Value,
}

/// A document as it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// What it is.
    pub kind: Kind,
    /// Which one.
    pub id: String,
    /// What [`super::Store::replace`] wants back.
    pub version: Version,
    /// The whole body.
    pub body: Value,
}

/// The small declared part of a document that [`super::Store::find`] returns.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    /// Which document.
    pub id: String,
    /// Its version when it was found.
    pub version: Version,
    /// The fields that the table of kinds declares, at the same places as in the body; absent ones left out.
    pub fields: Value,
}

impl Head {
    /// The text at a JSON pointer, `None` if absent or not a text.
    pub fn text(&self, pointer: &str) -> Option<&str> {
        self.fields.pointer(pointer).and_then(Value::as_str)
    }

    /// The whole number at a JSON pointer, `None` if absent or not one.
    pub fn number(&self, pointer: &str) -> Option<i64> {
        self.fields.pointer(pointer).and_then(Value::as_i64)
    }

    /// The fields as a type; it must accept that absent fields are left out.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        T::deserialize(&self.fields)
    }
}

impl NewDocument {
    /// Checks id and body against the bounds and returns the body as text. Every adapter calls this first.
    pub fn checked_body(&self) -> Result<String, StoreError> {
        check_id(&self.id)?;
        if !self.body.is_object() {
            return Err(StoreError::Invalid {
                reason: format!("the body of {} {} is not an object", self.kind, self.id),
            });
        }
        let text = self.body.to_string();
        if text.len() > DOCUMENT_BYTES {
            return Err(StoreError::TooLarge {
                what: "document",
                bytes: text.len(),
                limit: DOCUMENT_BYTES,
            });
        }
        Ok(text)
    }
}

fn check_id(id: &str) -> Result<(), StoreError> {
    if id.is_empty() {
        return Err(StoreError::Invalid {
            reason: "a document's id is empty".to_owned(),
        });
    }
    if id.len() > ID_BYTES {
        return Err(StoreError::TooLarge {
            what: "id",
            bytes: id.len(),
            limit: ID_BYTES,
        });
    }
    Ok(())
}
