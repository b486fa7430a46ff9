//! A schedule's document: the schedule itself beside what the indexes need.

use circle_core::schedule::Schedule;
use circle_store::records::{Kind, Record};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A schedule as it is kept, unique by name in its service.
#[derive(Debug, Clone, PartialEq)]
pub struct ScheduleRecord(pub Schedule);

#[derive(Serialize)]
struct Written<'a> {
    schedule: &'a Schedule,
    service: String,
    name: &'a str,
    /// Null while it is paused, and then it is not in the index.
    due: Option<i64>,
}

#[derive(Deserialize)]
struct Read {
    schedule: Schedule,
}

impl Serialize for ScheduleRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let schedule = &self.0;
        let written = Written {
            schedule,
            service: schedule.service.to_string(),
            name: &schedule.name,
            due: schedule.next_at.map(|at| at.as_millisecond()),
        };
        written.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ScheduleRecord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Read::deserialize(deserializer).map(|read| Self(read.schedule))
    }
}

impl Record for ScheduleRecord {
    const KIND: Kind = Kind::Schedule;
    const SCHEMA: u32 = 1;

    fn id(&self) -> String {
        self.0.id.to_string()
    }
}
