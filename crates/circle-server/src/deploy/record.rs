//! The document of a workload, with the fields by which the store finds it.

use circle_core::deployment::WorkloadState;
use circle_store::records::{Kind, Record};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What is known of a workload, as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkloadRecord(pub WorkloadState);

#[derive(Serialize)]
struct WrittenWorkload<'a> {
    workload: &'a WorkloadState,
    lock: &'a str,
    environment: String,
    digest: Option<&'a str>,
    updated_at: i64,
}

#[derive(Deserialize)]
struct ReadWorkload {
    workload: WorkloadState,
}

impl Serialize for WorkloadRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let workload = &self.0;
        let written = WrittenWorkload {
            workload,
            lock: &workload.lock,
            environment: workload.environment.to_string(),
            digest: workload.good.as_ref().map(|good| good.image.digest.as_str()),
            updated_at: workload.updated_at.as_millisecond(),
        };
        written.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for WorkloadRecord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        ReadWorkload::deserialize(deserializer).map(|read| Self(read.workload))
    }
}

impl Record for WorkloadRecord {
    const KIND: Kind = Kind::Workload;
    const SCHEMA: u32 = 1;

    fn id(&self) -> String {
        self.0.lock.clone()
    }
}
