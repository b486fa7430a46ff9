//! What of a body is indexed and shown: pure functions that every adapter shares.

use serde_json::{Map, Value};

use super::kinds::{Index, Kind};
use super::{HEAD_BYTES, StoreError};

/// A value that an index orders. `false < true`, numbers by size, texts by bytes; across types: boolean, number, text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum IndexValue {
    /// A boolean.
    Boolean(bool),
    /// A whole number.
    Number(i64),
    /// A text.
    Text(String),
}

impl From<bool> for IndexValue {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

impl From<i64> for IndexValue {
    fn from(value: i64) -> Self {
        Self::Number(value)
    }
}

impl From<u32> for IndexValue {
    fn from(value: u32) -> Self {
        Self::Number(i64::from(value))
    }
}

impl From<&str> for IndexValue {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for IndexValue {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

/// The values of an index's fields in a body; `None` if the document is not in the index (a field is missing or null).
///
/// A fraction, a number beyond 64 signed bits, a list or an object in an indexed place is a mistake in the program.
pub fn index_values(index: &Index, body: &Value) -> Result<Option<Vec<IndexValue>>, StoreError> {
    let mut values = Vec::with_capacity(index.fields.len());
    for field in index.fields {
        let value = match body.pointer(field) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Bool(value)) => IndexValue::Boolean(*value),
            Some(Value::String(text)) => IndexValue::Text(text.clone()),
            Some(other) => match other.as_i64() {
                Some(number) => IndexValue::Number(number),
                None => return Err(not_indexable(index, field)),
            },
        };
        values.push(value);
    }
    Ok(Some(values))
}

fn not_indexable(index: &Index, field: &str) -> StoreError {
    let reason = format!(
        "{field} of a {} is in index {} but is no boolean, whole number or text",
        index.kind, index.name
    );
    StoreError::Invalid { reason }
}

/// The declared head of a body: the same places, nothing else.
pub fn head_of(kind: Kind, body: &Value) -> Result<Value, StoreError> {
    let mut head = Value::Object(Map::new());
    for pointer in kind.head() {
        if let Some(value) = body.pointer(pointer).filter(|value| !value.is_null()) {
            place(&mut head, pointer, value.clone());
        }
    }
    let bytes = head.to_string().len();
    if bytes > HEAD_BYTES {
        return Err(StoreError::TooLarge {
            what: "head",
            bytes,
            limit: HEAD_BYTES,
        });
    }
    Ok(head)
}

fn place(root: &mut Value, pointer: &str, value: Value) {
    let mut here = root;
    for part in pointer.split('/').skip(1) {
        let Value::Object(map) = here else { return };
        here = map.entry(part).or_insert_with(|| Value::Object(Map::new()));
    }
    *here = value;
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{IndexValue, head_of, index_values};
    use crate::records::kinds::{self, Kind};

    #[test]
    fn a_head_keeps_places_and_leaves_out_the_rest() {
        let body = json!({"service": "svc_1", "state": {"name": "queued", "since": 5}, "number": 7, "title": null, "stages": []});
        let head = head_of(Kind::Run, &body).expect("a small head");
        assert_eq!(
            head,
            json!({"service": "svc_1", "state": {"name": "queued"}, "number": 7})
        );
    }

    #[test]
    fn a_missing_or_null_field_leaves_the_index() {
        let without = index_values(&kinds::RUN_OUTBOX, &json!({})).expect("valid");
        let null = index_values(&kinds::RUN_OUTBOX, &json!({"outbox_due": null})).expect("valid");
        let with = index_values(&kinds::RUN_OUTBOX, &json!({"outbox_due": 12})).expect("valid");
        assert_eq!((without, null, with), (None, None, Some(vec![IndexValue::Number(12)])));
    }

    #[test]
    fn a_fraction_is_refused_with_its_place() {
        let error = index_values(&kinds::RUN_OUTBOX, &json!({"outbox_due": 1.5})).expect_err("no order for fractions");
        assert!(error.to_string().contains("/outbox_due"), "{error}");
    }
}
