//! Services: one repository, or a folder of one, with its pipeline and settings.

use std::collections::BTreeMap;

use circle_core::ids::ServiceId;
use circle_core::names::{BranchName, Slug};
use circle_core::service::{self, Service};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::starting::{InputView, InputWish};
use super::{CredentialView, PullPollView, ServiceForge};
use crate::worker::SecretValue;

/// Links a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceCreate {
    /// Unique in the workspace.
    #[schema(value_type = String, max_length = 63)]
    pub name: Slug,
    /// https, http, ssh or git URL without credentials; those are set by themselves.
    #[schema(max_length = 2048)]
    pub repository: String,
    /// The branch of a manual trigger that names none; `main` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub default_branch: Option<BranchName>,
    /// Where the pipeline file lies, relative to the repository's root; `caicloud.yml` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 512)]
    pub pipeline_path: Option<String>,
    /// Where images go that name no repository; absent = such a push is an error that says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageHome>,
    /// Deploys of a file without a `deploy` section, by environment name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>, max_items = 32)]
    pub default_deploys: Vec<Slug>,
    /// Longest wait in the queue in seconds, 1 to 604,800; 7,200 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 604_800)]
    pub queue_timeout_s: Option<u64>,
    /// Runs at the same time, 1 to 1,000; 10 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1000)]
    pub max_parallel: Option<u32>,
    /// Runs of one ref at the same time, where its pipeline file lets them run side by side at all, 1 to 1,000; 1,000 when
    /// absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1000)]
    pub max_parallel_ref: Option<u32>,
    /// Look at the repository for what was pushed, in so many seconds, 60 to 86,400: for one that cannot call the hook. Absent or
    /// 0 = never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 86_400)]
    pub poll_s: Option<u32>,
}

/// Changes what is given, leaves the rest. Bounds as in [`ServiceCreate`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceChange {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub default_branch: Option<BranchName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipeline_path: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageHome>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>)]
    pub default_deploys: Option<Vec<Slug>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_timeout_s: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_parallel: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_parallel_ref: Option<u32>,
    /// 0 ends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 86_400)]
    pub poll_s: Option<u32>,
    /// Inputs to declare on the service, by name; null takes one away, and those that are not named stay. At most 20.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, InputWish>,
}

/// A place for images: pushes of the service stay at this path or beneath it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImageHome {
    /// The registry's name in the workspace.
    #[schema(value_type = String)]
    pub registry: Slug,
    /// Such as `shop/web`; at most 255 characters.
    #[schema(max_length = 255)]
    pub path: String,
}

/// A service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServiceView {
    #[schema(value_type = String)]
    pub id: ServiceId,
    #[schema(value_type = String)]
    pub name: Slug,
    pub repository: String,
    #[schema(value_type = String)]
    pub default_branch: BranchName,
    pub pipeline_path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageHome>,
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub default_deploys: Vec<Slug>,
    pub queue_timeout_s: u64,
    pub max_parallel: u32,
    pub max_parallel_ref: u32,
    /// What opens the repository; absent when anybody may read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<CredentialView>,
    /// The forge that it was found on; absent for a plain git repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forge: Option<ServiceForge>,
    /// Where the repository reports pushes.
    pub hook_url: String,
    /// Absent when the repository is not looked at; what was seen stands in the answer for one service only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poll: Option<PollView>,
    /// Inputs that are declared here; `GET …/inputs` tells them together with those of the file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<InputView>,
    pub created_at: Timestamp,
}

/// How a repository is looked at, and what was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PollView {
    /// The interval in seconds; looks are up to a tenth earlier or later.
    pub every_s: u32,
    /// Branches and tags that were seen; absent before the first look, which starts nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refs: Option<u32>,
    /// The last look that was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looked_at: Option<Timestamp>,
    /// The last look that found something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_at: Option<Timestamp>,
    /// When it is looked at again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_at: Option<Timestamp>,
    /// Looks in a row that were not answered; the pauses grow with them, to an hour.
    #[serde(default)]
    pub failures: u32,
    /// What the last of them said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// Of pull requests; absent where no forge tells of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pulls: Option<PullPollView>,
}

impl PollView {
    /// Before anything was seen.
    pub fn new(every_s: u32) -> Self {
        Self {
            every_s,
            refs: None,
            looked_at: None,
            changed_at: None,
            next_at: None,
            failures: 0,
            trouble: None,
            pulls: None,
        }
    }
}

/// The answer to [`ServiceCreate`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServiceCreated {
    pub service: ServiceView,
    pub hook: HookCreated,
}

/// A hook's secret; shown this once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HookCreated {
    /// Where to POST.
    pub url: String,
    /// Key of the HMAC-SHA256 over the raw body, sent as `Circle-Signature: sha256=<hex>`.
    #[schema(value_type = String, format = Password)]
    pub secret: SecretValue,
    /// A shell script for `hooks/post-receive` of a bare repository; it holds the secret, so its mode is 0700.
    #[schema(value_type = String, format = Password)]
    pub post_receive: SecretValue,
}

impl ServiceView {
    /// The view of a service whose pushes are reported to `hook_url`.
    pub fn of(service: &Service, hook_url: impl Into<String>) -> Self {
        Self {
            id: service.id,
            name: service.name.clone(),
            repository: service.repository.clone(),
            default_branch: service.default_branch.clone(),
            pipeline_path: service.pipeline_path.clone(),
            image: service.image.as_ref().map(ImageHome::from),
            default_deploys: service.default_deploys.clone(),
            queue_timeout_s: service.queue_timeout_s,
            max_parallel: service.max_parallel,
            max_parallel_ref: service.max_parallel_ref,
            credential: service.credential.as_ref().map(CredentialView::from),
            forge: service.forge.as_ref().map(|link| ServiceForge {
                id: link.connection,
                repository: link.full_name.clone(),
            }),
            hook_url: hook_url.into(),
            poll: service.poll_s.map(PollView::new),
            inputs: InputView::own(&service.inputs),
            created_at: service.created_at,
        }
    }
}

impl From<&service::ImageHome> for ImageHome {
    fn from(home: &service::ImageHome) -> Self {
        Self {
            registry: home.registry.clone(),
            path: home.path.clone(),
        }
    }
}

impl From<ImageHome> for service::ImageHome {
    fn from(home: ImageHome) -> Self {
        Self {
            registry: home.registry,
            path: home.path,
        }
    }
}
