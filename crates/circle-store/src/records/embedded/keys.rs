//! Index keys: values as bytes whose order is the order of the values.
//!
//! A boolean is `1 b`, a number `2` and eight bytes with the sign flipped, a text `3`, its bytes with `0` written as
//! `0 255`, and `0 1`. No encoded value is the beginning of another, and no encoded value begins with 255: so a key
//! followed by 255 lies behind every key that begins with it.

use crate::records::{Bound, INDEX_KEY_BYTES, IndexValue, Query, StoreError};

const BOOLEAN: u8 = 1;
const NUMBER: u8 = 2;
const TEXT: u8 = 3;
const BEHIND: u8 = 0xFF;

/// The key of an entry.
pub(super) fn key_of(values: &[IndexValue]) -> Result<Vec<u8>, StoreError> {
    let mut key = Vec::new();
    for value in values {
        push(&mut key, value);
    }
    if key.len() > INDEX_KEY_BYTES {
        return Err(StoreError::TooLarge {
            what: "index key",
            bytes: key.len(),
            limit: INDEX_KEY_BYTES,
        });
    }
    Ok(key)
}

/// The keys that a query means: from the first (included) to the second (excluded).
pub(super) fn span(query: &Query) -> (Vec<u8>, Vec<u8>) {
    let mut prefix = Vec::new();
    for value in &query.equal {
        push(&mut prefix, value);
    }
    let with = |value: Option<&IndexValue>, behind: bool| {
        let mut key = prefix.clone();
        if let Some(value) = value {
            push(&mut key, value);
        }
        if behind {
            key.push(BEHIND);
        }
        key
    };
    let from = match &query.from {
        Bound::Open => with(None, false),
        Bound::Including(value) => with(Some(value), false),
        Bound::Excluding(value) => with(Some(value), true),
    };
    let to = match &query.to {
        Bound::Open => with(None, true),
        Bound::Including(value) => with(Some(value), true),
        Bound::Excluding(value) => with(Some(value), false),
    };
    (from, to)
}

fn push(key: &mut Vec<u8>, value: &IndexValue) {
    match value {
        IndexValue::Boolean(value) => key.extend([BOOLEAN, u8::from(*value)]),
        IndexValue::Number(number) => {
            key.push(NUMBER);
            key.extend((number ^ i64::MIN).to_be_bytes());
        }
        IndexValue::Text(text) => {
            key.push(TEXT);
            for byte in text.bytes() {
                key.push(byte);
                if byte == 0 {
                    key.push(BEHIND);
                }
            }
            key.extend([0, 1]);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Strategy, any, prop_oneof, proptest};

    use super::key_of;
    use crate::records::IndexValue;

    fn value() -> impl Strategy<Value = IndexValue> {
        prop_oneof![
            any::<bool>().prop_map(IndexValue::Boolean),
            any::<i64>().prop_map(IndexValue::Number),
            (-2..2_i64).prop_map(IndexValue::Number),
            "[\\x00\\x01a\u{10ffff}]{0,4}".prop_map(IndexValue::Text),
        ]
    }

    proptest! {
        #[test]
        fn keys_are_ordered_as_their_values(
            left in proptest::collection::vec(value(), 0..4),
            right in proptest::collection::vec(value(), 0..4),
        ) {
            let keys = (key_of(&left).expect("short"), key_of(&right).expect("short"));
            assert_eq!(keys.0.cmp(&keys.1), left.cmp(&right), "{left:?} {right:?}");
        }
    }
}
