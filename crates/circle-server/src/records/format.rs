//! Which shapes a store has: written by every program that opens it, and looked at by the next.

use std::collections::BTreeMap;

use circle_store::records::{Kind, Record, RecordError, Records, UpdateError};
use serde::{Deserialize, Serialize};

use super::{
    AnswerRecord, AuditRecord, BlobRecord, Delivery, DeploymentRecord, EnvironmentRecord, ForgeRecord, HostRecord,
    IdentityProviderRecord, IdentityRecord, NoticeRecord, PollRecord, PullPollRecord, RegistryRecord, RunRecord,
    ScheduleRecord, SecretRecord, ServiceRecord, ShellRecord, TargetRecord, TokenRecord, UserRecord, WebhookRecord,
    WorkerRecord, WorkspaceRecord,
};
use crate::deploy::WorkloadRecord;

/// The newest shapes that were ever written into a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FormatRecord {
    /// The version of Circle that raised one of them last.
    pub circle: String,
    /// The schema of each kind, by its name.
    pub schemas: BTreeMap<String, u32>,
}

impl FormatRecord {
    const ID: &'static str = "format";
}

impl Record for FormatRecord {
    const KIND: Kind = Kind::Setting;
    const SCHEMA: u32 = 1;

    fn id(&self) -> String {
        Self::ID.to_owned()
    }
}

/// Why this program leaves a store alone.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// A newer Circle wrote documents that this one does not know.
    #[error(
        "the data was written by Circle {circle}, whose {kind} documents (shape {found}) this program, Circle {here}, does not know \
         (it knows {known}): start that version or a newer one, or restore a backup that was made before the upgrade",
        here = env!("CARGO_PKG_VERSION")
    )]
    Newer {
        /// Who wrote them.
        circle: String,
        /// Of which kind.
        kind: String,
        /// Their schema.
        found: u32,
        /// What this program knows; 0 for a kind that it does not have.
        known: u32,
    },
    /// The store cannot be read or written.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The note cannot be written.
    #[error("the shapes of the store cannot be noted: {0}")]
    Note(String),
}

/// Refuses a store with shapes that this program does not know; otherwise notes the ones that it will write.
pub async fn check_format(records: &Records) -> Result<(), FormatError> {
    let known = schemas();
    let here = FormatRecord {
        circle: env!("CARGO_PKG_VERSION").to_owned(),
        schemas: known
            .iter()
            .map(|(kind, schema)| (kind.name().to_owned(), *schema))
            .collect(),
    };
    let Some((found, _)) = records.load::<FormatRecord>(FormatRecord::ID).await? else {
        records.insert(&here).await?;
        return Ok(());
    };
    for (kind, found_schema) in found.schemas {
        let known = here.schemas.get(&kind).copied().unwrap_or(0);
        if found_schema > known {
            let (circle, found) = (found.circle, found_schema);
            return Err(FormatError::Newer {
                circle,
                kind,
                found,
                known,
            });
        }
    }
    let note = |format: &mut FormatRecord| {
        if format.schemas != here.schemas {
            *format = here.clone();
        }
        Ok::<(), std::convert::Infallible>(())
    };
    let noted = records.update(FormatRecord::ID, note).await;
    noted.map(drop).map_err(|error| match error {
        UpdateError::Record(error) => error.into(),
        other => FormatError::Note(other.to_string()),
    })
}

/// Every kind with the schema that this program writes, but for [`Kind::Setting`], whose documents say it themselves.
fn schemas() -> BTreeMap<Kind, u32> {
    fn of<T: Record>() -> (Kind, u32) {
        (T::KIND, T::SCHEMA)
    }
    BTreeMap::from([
        of::<WorkspaceRecord>(),
        of::<ServiceRecord>(),
        of::<RegistryRecord>(),
        of::<TargetRecord>(),
        of::<EnvironmentRecord>(),
        of::<SecretRecord>(),
        of::<Delivery>(),
        of::<RunRecord>(),
        of::<DeploymentRecord>(),
        of::<WorkloadRecord>(),
        of::<WorkerRecord>(),
        of::<HostRecord>(),
        of::<TokenRecord>(),
        of::<BlobRecord>(),
        of::<ShellRecord>(),
        of::<ForgeRecord>(),
        of::<AnswerRecord>(),
        of::<WebhookRecord>(),
        of::<NoticeRecord>(),
        of::<ScheduleRecord>(),
        of::<UserRecord>(),
        of::<AuditRecord>(),
        of::<PollRecord>(),
        of::<IdentityProviderRecord>(),
        of::<IdentityRecord>(),
        of::<PullPollRecord>(),
    ])
}

#[cfg(test)]
mod tests {
    use circle_store::records::Kind;

    use super::schemas;

    #[test]
    fn every_kind_has_its_schema() {
        let known = schemas();
        let missing: Vec<_> = Kind::all()
            .filter(|kind| *kind != Kind::Setting && !known.contains_key(kind))
            .collect();
        assert_eq!(missing, [], "add the new kind's record to the list above");
    }
}
