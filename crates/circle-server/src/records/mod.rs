//! The documents of the server: domain types with the fields by which the store finds them.
//!
//! Index fields are derived when a document is written and ignored when it is read, so they can never disagree with it.
//! Times stand in indexes as milliseconds; in the domain types they stay RFC 3339.

mod answer;
mod audit;
mod blob;
mod delivery;
mod deployment;
mod format;
mod host;
mod identity;
mod kept_body;
mod named;
mod notice;
mod poll;
mod pull_poll;
mod run;
mod schedule;
mod secret;
mod shell;
mod token;
mod user;
mod worker;

pub use answer::AnswerRecord;
pub(crate) use answer::KeptAnswer;
pub use audit::AuditRecord;
pub use blob::{BlobOwner, BlobRecord};
pub use delivery::{
    APPROVAL, Delivery, DeliveryState, GIT_HOOK, MANUAL, ManualBody, POLL, Payload, SCHEDULE, ScheduledBody,
};
pub use deployment::DeploymentRecord;
pub use format::{FormatError, check_format};
pub use host::{HostFinding, HostRecord, HostSettings, HostWish};
pub use identity::{IdentityProviderRecord, IdentityRecord};
pub use kept_body::KeptBody;
pub use named::{
    EnvironmentRecord, ForgeRecord, RegistryRecord, ServiceRecord, TargetRecord, WebhookRecord, WorkspaceRecord,
};
pub use notice::NoticeRecord;
pub use poll::{Looks, PollRecord};
pub use pull_poll::{PolledPull, PullPollRecord};
pub use run::RunRecord;
pub use schedule::ScheduleRecord;
pub use secret::{Sealed, SecretRecord, scope_key};
pub use shell::ShellRecord;
pub use token::{TokenKind, TokenRecord};
pub use user::{Identity, StoredPassword, UserRecord};
pub use worker::{Posting, WorkerRecord};
