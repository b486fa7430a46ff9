//! A place in an index as text: the key and the id in hex.

use crate::records::{Cursor, StoreError};

/// Where a row stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Place {
    pub(super) key: Vec<u8>,
    pub(super) id: String,
}

impl Place {
    pub(super) fn to_cursor(&self) -> Cursor {
        Cursor::from_text(format!("{}.{}", hex::encode(&self.key), hex::encode(&self.id)))
    }

    /// Refuses what no store made; a cursor of another query merely begins at another place.
    pub(super) fn from_cursor(cursor: &Cursor) -> Result<Self, StoreError> {
        let parsed = cursor.as_text().split_once('.').and_then(|(key, id)| {
            let key = hex::decode(key).ok()?;
            let id = String::from_utf8(hex::decode(id).ok()?).ok()?;
            Some(Self { key, id })
        });
        parsed.ok_or_else(|| StoreError::Invalid {
            reason: "the cursor is not one that a page gave".to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Place;
    use crate::records::Cursor;

    #[test]
    fn a_place_goes_through_text() {
        let place = Place {
            key: vec![3, 0, 255, 1],
            id: "run_é".to_owned(),
        };
        assert_eq!(Place::from_cursor(&place.to_cursor()).expect("its own text"), place);
    }

    #[test]
    fn foreign_text_is_refused() {
        for text in ["", "zz", "00", "0.00", "00.ff", "é.é"] {
            Place::from_cursor(&Cursor::from_text(text)).expect_err(text);
        }
    }
}
