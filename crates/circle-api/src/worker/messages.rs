//! The bodies of the worker protocol.

use std::collections::BTreeMap;

use circle_core::ids::{QuestionId, RunId, ServiceId, ShellId, WorkerId};
use circle_core::network::NetworkRange;
use circle_core::plan::Plan;
use circle_core::roots::RootAccess;
use circle_core::run::{BuiltImage, CancelCause, LogBounds, StoredOutput, WorkerEvent};
use circle_core::trigger::Trigger;
use serde::{Deserialize, Serialize};

use super::StepSecrets;
use crate::resources::GoldenRootsPrune;

/// Makes a worker known. The enrolment token stands in the Authorization header and works once.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enrol {
    /// Unique on the server; a known name is refused unless the token was made to enrol that very worker again.
    pub name: String,
    pub facts: WorkerFacts,
}

/// What a worker says of itself; believed for display and matching, never for permission.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WorkerFacts {
    /// Circle's version.
    pub version: String,
    /// `x86_64`, `aarch64`.
    pub arch: String,
    /// Cells at the same time.
    pub max_cells: u32,
    /// Cells kept warm.
    pub warm_cells: u32,
    pub memory_bytes: u64,
    pub cpus: u32,
}

/// What `circle worker try` found where it was started: one line of JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    /// Free where a worker would write.
    pub disk_free_bytes: u64,
    /// Why the server is not reached; `None`: it is.
    pub server: Option<String>,
    /// Why no cell can be made; `None`: one was.
    pub cell: Option<String>,
}

/// The answer to [`Enrol`]; the token is shown this once.
#[derive(Clone, Serialize, Deserialize)]
pub struct Enrolled {
    pub worker: WorkerId,
    pub token: SecretValue,
}

/// One line of the orders stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "snake_case")]
pub enum Order {
    /// The stream is open; nothing to do yet.
    Hello {
        protocol: u32,
        server: String,
    },
    /// A run waits; whoever claims first has it.
    Offer {
        run: RunId,
        part: usize,
    },
    /// A run that will wish for these roots is on its way: a cell may be started for it.
    Expect {
        roots: RootAccess,
    },
    /// Kill this run's cell now.
    Cancel {
        run: RunId,
        fence: u64,
        cause: CancelCause,
    },
    /// Open a WebSocket at `/shells/{shell}`, and behind it a shell in the held cell of this run.
    Shell {
        run: RunId,
        shell: ShellId,
    },
    /// Tell at `/roots/{question}` which golden roots there are; with a wish, remove those first and tell which they were.
    Roots {
        question: QuestionId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        remove: Option<GoldenRootsPrune>,
    },
    /// Take nothing new; end when idle.
    Drain,
    Ping,
}

/// Answers [`Order::Roots`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RootsAnswer {
    /// At most 1,000.
    pub roots: Vec<RootReport>,
}

/// One golden root as its worker knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootReport {
    /// Absent for the base.
    pub service: Option<ServiceId>,
    /// For people: what it belongs to.
    pub label: String,
    /// Grows by one with each renewal.
    pub generation: u64,
    /// Everything in it.
    pub total_bytes: u64,
    /// What it shares with no other root, when it was last looked at.
    pub own_bytes: u64,
    /// In seconds since 1970.
    pub made_at: i64,
    /// In seconds since 1970.
    pub used_at: i64,
    /// Runs that began from it, under this name.
    pub hits: u64,
    /// Runs that wished to and found none.
    pub misses: u64,
}

/// Answers an offer.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    pub part: usize,
}

/// Everything that a worker needs for one part. The only message with secrets in it.
#[derive(Clone, Serialize, Deserialize)]
pub struct Assignment {
    pub run: RunId,
    pub part: usize,
    /// 1 for the first worker that took it.
    pub attempt: u32,
    /// The lease's number.
    pub fence: u64,
    /// The lease runs out so long after the last heartbeat, in milliseconds; a worker beats three times as often.
    pub lease_ms: u64,
    /// For every further call about this run.
    pub run_token: SecretValue,
    pub facts: RunFacts,
    pub plan: Plan,
    /// Stages that are already done (a rerun): their outputs are fetched instead.
    pub reused: BTreeMap<String, Option<StoredOutput>>,
    /// Images that reused stages made.
    pub images: Vec<BuiltImage>,
    pub clone_credential: Option<CloneCredential>,
    /// Secrets that the plan's steps ask for and may read.
    pub secrets: StepSecrets,
    pub registries: Vec<RegistryAccess>,
    /// Where an image without a repository goes: `host/path`, and what is allowed beneath; `None` = pushing is an error that says so.
    pub image_home: Option<String>,
    /// Repositories (`host/path`) that this service may push to, each or beneath it.
    pub push_confinement: Vec<String>,
    /// Private address ranges that its cell may reach beside those that the worker opens to all.
    #[serde(default)]
    pub networks: Vec<NetworkRange>,
    /// How much it may print.
    #[serde(default)]
    pub log: LogBounds,
    /// Whether the cell of a stage that fails is kept for a shell.
    #[serde(default)]
    pub hold: bool,
    /// Golden roots that the run may begin from, and the one that it renews; absent = the base, and none.
    #[serde(default)]
    pub roots: Option<RootAccess>,
}

/// What variables and the log are made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFacts {
    pub run: RunId,
    pub number: u64,
    /// The run's page.
    pub url: String,
    pub workspace: String,
    pub service: String,
    /// https, http, ssh or git, without credentials.
    pub repository: String,
    pub trigger: Trigger,
}

/// For cloning, bound to one host.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CloneCredential {
    /// `scheme://host[:port]`.
    pub origin: String,
    pub login: CloneLogin,
}

/// What opens a repository.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum CloneLogin {
    /// Over http and https.
    Password { username: String, password: SecretValue },
    /// Over ssh, to a host that shows one of these keys, each `type base64`.
    DeployKey {
        private_key: SecretValue,
        host_keys: Vec<String>,
    },
}

/// For pulling and pushing, bound to one registry.
#[derive(Clone, Serialize, Deserialize)]
pub struct RegistryAccess {
    /// The name in the workspace.
    pub name: String,
    /// `host[:port]`.
    pub address: String,
    pub username: Option<String>,
    pub password: Option<SecretValue>,
}

/// A value that is neither printed nor logged.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretValue(String);

/// Extends the lease.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Heartbeat {}

/// The answer to a heartbeat.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HeartbeatAnswer {
    pub lease_ms: u64,
    /// Set when the run is to be killed; repeats what the orders stream said.
    pub cancel: Option<CancelCause>,
}

/// Events in order; sent again until acknowledged.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Events {
    pub part: usize,
    /// At most 256.
    pub events: Vec<NumberedEvent>,
}

/// One event; the first of an attempt is 1.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NumberedEvent {
    pub sequence: u64,
    pub event: WorkerEvent,
}

/// The last event that is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EventsAnswer {
    pub applied: u64,
    pub cancel: Option<CancelCause>,
}

/// Everything of the request is stored on disk.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LogAnswer {
    /// Bytes newly stored; repetitions count nothing.
    pub stored_bytes: u64,
}

/// A chunk was missing before this one; send from here.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LogHole {
    pub stage: String,
    pub expected_sequence: u64,
    pub expected_offset: u64,
}

/// An output that lies in the blob store.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Stored {
    pub output: StoredOutput,
}

impl CloneLogin {
    /// What must not be seen of it.
    pub fn secret(&self) -> &SecretValue {
        match self {
            Self::Password { password, .. } => password,
            Self::DeployKey { private_key, .. } => private_key,
        }
    }
}

impl SecretValue {
    /// Wraps a value.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself; every caller is a place to look at.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for SecretValue {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("[secret]")
    }
}

macro_rules! debug_without_secrets {
    ($($name:ident { $($field:ident),* })*) => {$(
        impl std::fmt::Debug for $name {
            fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.debug_struct(stringify!($name))$(.field(stringify!($field), &self.$field))*.finish_non_exhaustive()
            }
        }
    )*};
}

debug_without_secrets! {
    Enrolled { worker }
    Assignment { run, part, attempt, fence, facts }
    RegistryAccess { name, address, username }
}
