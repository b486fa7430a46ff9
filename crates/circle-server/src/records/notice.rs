//! A notice's document: the notice itself beside what the indexes need.

use circle_core::notice::Notice;
use circle_store::records::{Kind, Record};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A notice as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct NoticeRecord(pub Notice);

#[derive(Serialize)]
struct Written<'a> {
    notice: &'a Notice,
    service: String,
    due: Option<i64>,
    created_at: i64,
}

#[derive(Deserialize)]
struct Read {
    notice: Notice,
}

impl Serialize for NoticeRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let notice = &self.0;
        let written = Written {
            notice,
            service: notice.service.to_string(),
            due: notice.due().map(|at| at.as_millisecond()),
            created_at: notice.created_at.as_millisecond(),
        };
        written.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for NoticeRecord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Read::deserialize(deserializer).map(|read| Self(read.notice))
    }
}

impl Record for NoticeRecord {
    const KIND: Kind = Kind::Notice;
    const SCHEMA: u32 = 1;

    fn id(&self) -> String {
        self.0.id.to_string()
    }
}
