//! A workspace's lasting settings: services, registries, secrets by name.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::forge::ForgeLink;
use crate::ids::{RegistryId, SecretId, ServiceId, WorkspaceId};
use crate::inputs::Input;
use crate::members::Member;
use crate::names::{BranchName, Slug, VariableName};
use crate::network::NetworkRange;
use crate::notice::MailRules;
use crate::rights::Rights;
use crate::scan_floor::ScanFloor;

/// The tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workspace {
    pub id: WorkspaceId,
    pub name: Slug,
    pub policy: WorkspacePolicy,
    /// Runs of all its services at the same time.
    #[serde(default = "Workspace::default_max_parallel")]
    pub max_parallel: u32,
    /// With their roles, so that "the last admin stays" is one compare-and-swap.
    #[serde(default)]
    pub members: Vec<Member>,
    pub created_at: Timestamp,
}

impl Workspace {
    /// More than any number of cells: no limit of its own.
    pub const MOST_PARALLEL: u32 = 10_000;

    fn default_max_parallel() -> u32 {
        Self::MOST_PARALLEL
    }
}

/// What the pipeline files of a workspace may ask for; everything is off at first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct WorkspacePolicy {
    /// Rights that containers may ask for.
    #[serde(flatten)]
    pub rights: Rights,
    /// Private address ranges that runs of members may reach, beside those that a worker's operator opened to all.
    pub networks: BTreeSet<NetworkRange>,
    /// Pull requests of members may push images under `pr-N` tags.
    pub push_pull_requests: bool,
    /// What images must have passed before they are pushed.
    pub scan_floor: ScanFloor,
}

/// One repository, or a folder of one, with its pipeline and settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    pub id: ServiceId,
    pub workspace: WorkspaceId,
    pub name: Slug,
    /// Where it is cloned from; https, http, ssh or git, without credentials.
    pub repository: String,
    /// Where the pipeline file lies in the repository.
    pub pipeline_path: String,
    /// The branch of a manual trigger that names none.
    pub default_branch: BranchName,
    /// Where images go that name no repository: the registry, and the path beneath it.
    pub image: Option<ImageHome>,
    /// Deploys of a file without a `deploy` section, by environment name.
    pub default_deploys: Vec<Slug>,
    /// Longest wait in the queue, in seconds.
    pub queue_timeout_s: u64,
    /// Runs of this service at the same time.
    pub max_parallel: u32,
    /// Runs of one of its refs at the same time, where the pipeline file lets them run side by side at all.
    #[serde(default = "Service::default_max_parallel_ref")]
    pub max_parallel_ref: u32,
    /// What opens a private repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<CloneCredential>,
    /// The repository of a forge that it is, if it was linked through a connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forge: Option<ForgeLink>,
    /// Its repository is looked at by itself, in so many seconds; `None` = never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poll_s: Option<u32>,
    /// Who gets mail about its runs.
    #[serde(default)]
    pub mail: MailRules,
    /// Inputs that are declared here, beside those of its file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<Input>,
    pub created_at: Timestamp,
}

/// What opens a service's repository. It is bound to one host: a service that moves elsewhere loses it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloneCredential {
    /// `scheme://host[:port]` of the repository that it was given for.
    pub origin: String,
    pub login: CloneLogin,
    /// The password or the private key lies sealed under this id.
    pub secret: SecretId,
    pub set_at: Timestamp,
}

/// How a repository is opened, without what must not be seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum CloneLogin {
    /// Over http and https.
    Password { username: String },
    /// Over ssh, to a host that shows one of these keys, each `type base64`.
    DeployKey { host_keys: Vec<String> },
}

impl Service {
    /// Two hours in the queue.
    pub const DEFAULT_QUEUE_TIMEOUT_S: u64 = 7_200;
    /// Runs at the same time when nothing is said.
    pub const DEFAULT_PARALLEL: u32 = 10;
    /// The largest limit of runs at the same time, and that of a ref when nothing is said.
    pub const MOST_PARALLEL: u32 = 1_000;
    /// The name in the repository's root.
    pub const DEFAULT_PIPELINE_PATH: &'static str = "caicloud.yml";

    fn default_max_parallel_ref() -> u32 {
        Self::MOST_PARALLEL
    }
}

/// A place for images: pushes of the service stay at this path or beneath it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageHome {
    pub registry: Slug,
    /// Such as `shop/web`.
    pub path: String,
}

/// Where images are pushed to and pulled from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registry {
    pub id: RegistryId,
    pub workspace: WorkspaceId,
    pub name: Slug,
    /// `host[:port]`, as it stands in image references.
    pub address: String,
    pub username: Option<String>,
    /// The password lies sealed under this id.
    pub password: Option<SecretId>,
    pub created_at: Timestamp,
}

/// Who may read a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SecretScope {
    /// Every service of the workspace, in runs of members.
    Workspace,
    /// One service, in runs of members.
    Service { service: ServiceId },
    /// Only refs that may reach the environment.
    Environment { environment: Slug },
    /// Circle itself: hook secrets, registry passwords, target credentials. No run ever reads it.
    Internal,
}

/// What is known of a secret without opening it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretHead {
    pub id: SecretId,
    pub workspace: WorkspaceId,
    pub scope: SecretScope,
    pub name: VariableName,
    pub created_at: Timestamp,
}
