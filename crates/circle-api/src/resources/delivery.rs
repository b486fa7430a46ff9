//! Deliveries: webhook calls and manual triggers as received, and what became of them.

use std::collections::BTreeMap;

use circle_core::ids::{DeliveryId, RunId, ServiceId};
use circle_core::names::Slug;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::problem::ProblemEntry;

/// The body of a plain git hook: one ref that moved. Signed as `Circle-Signature: sha256=<hex HMAC-SHA256 of the raw body>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GitHook {
    /// The repository as the hook knows it; another one than the service's is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// A full ref.
    #[serde(rename = "ref")]
    pub git_ref: String,
    /// 40 or 64 hex digits; zeros when the ref is new.
    pub before: String,
    /// 40 or 64 hex digits; zeros when the ref is gone.
    pub after: String,
    /// Anything that tells this call from an equal one before it, such as a time and a number. The same body twice is one call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<String>,
}

/// The hook's call lies on the disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HookAccepted {
    #[schema(value_type = String)]
    pub delivery: DeliveryId,
    /// The same call was stored before; nothing new follows.
    pub duplicate: bool,
}

/// Which deliveries, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DeliveryQuery {
    /// Only of this service, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub service: Option<Slug>,
    /// The `next` of the page before; absent for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Items, 1 to 200; 50 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u32>,
}

/// A delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeliveryView {
    #[schema(value_type = String)]
    pub id: DeliveryId,
    #[schema(value_type = String)]
    pub service: ServiceId,
    #[schema(value_type = String)]
    pub service_name: Slug,
    /// `git` for the plain git hook, `manual` for a trigger of the API, `schedule`, `approval`, or the forge: `github`, `gitlab`, `gitea`.
    pub source: String,
    pub received_at: Timestamp,
    pub state: DeliveryState,
}

/// What became of a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "name", rename_all = "snake_case")]
pub enum DeliveryState {
    /// Stored, not understood yet.
    Waiting,
    /// It made this run.
    Run {
        #[schema(value_type = String)]
        run: RunId,
    },
    /// There was nothing to do, and why: a deleted ref, a rule of the file.
    Ignored { why: String },
    /// It could not be understood, and why.
    Refused {
        why: String,
        /// Every fault of what was asked by hand.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        errors: Vec<ProblemEntry>,
    },
}

/// What a delivery brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeliveryPayload {
    /// As they came; those that open something read `(hidden)`.
    pub headers: BTreeMap<String, String>,
    /// As it came, secrets of the workspace masked.
    pub body: String,
    /// The body goes on.
    pub cut: bool,
    /// Tries so far that ended because the repository or the forge did not answer.
    pub tries: u32,
}
