//! Deliveries: what came in, kept before it is understood.

use std::collections::BTreeMap;

use circle_core::forge::ForgeKind;
use circle_core::ids::{DeliveryId, RunId, ServiceId, WorkspaceId};
use circle_core::inputs::Values;
use circle_core::names::{BranchName, CommitId, TagName};
use circle_core::queue::Priority;
use circle_core::schedule::Timing;
use circle_core::trigger::Approver;
use circle_store::records::{Kind, Record};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{KeptBody, PolledPull};

/// The source word of plain git hooks.
pub const GIT_HOOK: &str = "git";
/// The source word of triggers by the API.
pub const MANUAL: &str = "manual";

/// The source word of schedules.
pub const SCHEDULE: &str = "schedule";
/// The source word of approvals.
pub const APPROVAL: &str = "approval";

/// The source word of what polling found.
pub const POLL: &str = "poll";

/// One call of a hook, or one wish of a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    pub id: DeliveryId,
    pub workspace: WorkspaceId,
    pub service: ServiceId,
    /// `git:<service>` or `manual:<service>`: ids of one service never shadow those of another.
    pub forge: String,
    /// What the sender calls it; unique within `forge`.
    pub delivery_id: String,
    /// [`GIT_HOOK`], [`MANUAL`], [`SCHEDULE`], [`APPROVAL`], [`POLL`], or the forge's word.
    pub source: String,
    pub payload: Payload,
    pub state: DeliveryState,
    /// In milliseconds since 1970.
    pub received_at: i64,
    /// Tries so far that ended because the repository did not answer.
    pub tries: u32,
    /// Not before this moment, in milliseconds since 1970.
    pub next_try_at: i64,
}

/// What came.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Payload {
    /// The raw body, as text; understood by the reconciler only.
    Git {
        body: String,
        #[serde(default)]
        headers: BTreeMap<String, String>,
    },
    /// A call of a forge as it came: understood by the reconciler only.
    Forge {
        forge: ForgeKind,
        /// What may be shown of the headers; secrets are not among them.
        headers: BTreeMap<String, String>,
        body: KeptBody,
    },
    /// A pull request that polling found another: what a call of the forge would tell.
    Polled {
        /// The forge's own id of the repository that was looked at.
        repository: String,
        #[serde(flatten)]
        found: PolledPull,
    },
    /// A member lets a stranger's commit run as a member's.
    Approved {
        run: RunId,
        by: String,
        #[serde(default)]
        approver: Option<Approver>,
    },
    /// A wish of the API.
    Manual(ManualBody),
    /// A due time of a schedule.
    Schedule(ScheduledBody),
}

/// A wish of the API, already parsed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ManualBody {
    pub branch: Option<BranchName>,
    pub tag: Option<TagName>,
    pub commit: Option<CommitId>,
    pub reason: Option<String>,
    #[serde(default)]
    pub priority: Priority,
    /// As they were given; judged by the file at the commit.
    #[serde(default, skip_serializing_if = "Values::is_empty")]
    pub inputs: Values,
    /// Whose token it was.
    pub actor: String,
}

/// A due time of a schedule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScheduledBody {
    /// How people call it.
    pub name: String,
    pub due: Timestamp,
    /// `None` = the service's default branch.
    pub branch: Option<BranchName>,
    /// The rule of the file, if it is one.
    pub rule: Option<Timing>,
    /// What the schedule gives its runs.
    #[serde(default, skip_serializing_if = "Values::is_empty")]
    pub inputs: Values,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
pub enum DeliveryState {
    Waiting,
    Run {
        run: RunId,
    },
    Ignored {
        why: String,
    },
    Refused {
        why: String,
        /// Every fault of what was asked by hand, with its field.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        faults: Vec<(String, String)>,
    },
}

impl DeliveryState {
    /// Refused as a whole.
    pub fn refused(why: impl Into<String>) -> Self {
        Self::Refused {
            why: why.into(),
            faults: Vec::new(),
        }
    }
}

impl Record for Delivery {
    const KIND: Kind = Kind::Delivery;
    const SCHEMA: u32 = 1;

    fn id(&self) -> String {
        self.id.to_string()
    }
}
