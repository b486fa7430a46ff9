//! Who needs a blob.

use circle_core::ids::{DeliveryId, RunId};
use circle_store::records::{Kind, Record, UpgradeError};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Whose a blob is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum BlobOwner {
    /// One stage's output of one run.
    Stage { run: RunId, stage: String },
    /// The body of a call that is too large for a document.
    Delivery { delivery: DeliveryId },
}

/// One use of a blob. Several records may name one digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobRecord {
    #[serde(flatten)]
    pub owner: BlobOwner,
    /// `sha256:…`.
    pub digest: String,
    /// In bytes.
    pub size: u64,
    /// In milliseconds since 1970.
    pub created_at: i64,
}

impl BlobRecord {
    /// The id of a stage's output.
    pub fn id_of_output(run: RunId, stage: &str) -> String {
        format!("{run}/{stage}")
    }
}

impl Record for BlobRecord {
    const KIND: Kind = Kind::Blob;
    // 2: a blob may be of a delivery, which older programs would not read.
    const SCHEMA: u32 = 2;

    fn id(&self) -> String {
        match &self.owner {
            BlobOwner::Stage { run, stage } => Self::id_of_output(*run, stage),
            BlobOwner::Delivery { delivery } => delivery.to_string(),
        }
    }

    fn upgrade(_: u32, body: Value) -> Result<Value, UpgradeError> {
        Ok(body)
    }
}

#[cfg(test)]
mod tests {
    use circle_store::records::Record;

    use super::{BlobOwner, BlobRecord};

    #[test]
    fn an_output_from_before_deliveries_had_blobs_is_read_and_has_the_same_id() {
        let old = serde_json::json!({
            "run": "run_00000000000000000000000000000007", "stage": "build", "digest": "sha256:aa", "size": 3, "created_at": 1,
        });
        let body = BlobRecord::upgrade(1, old.clone()).expect("a way");
        let record: BlobRecord = serde_json::from_value(body).expect("the shape of now");
        assert_eq!(record.id(), "run_00000000000000000000000000000007/build");
        assert_eq!(serde_json::to_value(&record).expect("JSON"), old);
        let delivery = "dlv_00000000000000000000000000000008".parse().expect("an id");
        let other = BlobRecord {
            owner: BlobOwner::Delivery { delivery },
            ..record
        };
        let text = serde_json::to_value(&other).expect("JSON");
        assert_eq!(serde_json::from_value::<BlobRecord>(text).expect("reads"), other);
        assert_eq!(other.id(), delivery.to_string());
    }
}
