//! Secrets: set and forgotten here; only their heads are ever listed.

use circle_core::ids::SecretId;
use circle_core::names::{Slug, VariableName};
use circle_core::secret_limits::{ImagePattern, SecretLimits as Limits, SecretStage};
use circle_core::trigger::EventKind;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::worker::SecretValue;

/// Longest secret, in bytes.
pub const MAX_SECRET_BYTES: usize = 64 * 1024;
/// Shortest secret, in characters: a shorter value stands by chance in any log, so that masking it would tear logs apart and
/// tell where it was.
pub const MIN_SECRET_CHARACTERS: usize = 8;

/// Makes or replaces a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretSet {
    pub scope: SecretScope,
    /// The name under which a pipeline file asks for it; unique within the scope.
    #[schema(value_type = String, max_length = 255)]
    pub name: VariableName,
    /// Sealed at once and never shown again; 8 characters to 64 KiB.
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 65_536)]
    pub value: SecretValue,
    /// Where it may be used within its scope; left out, what was said before stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<SecretLimits>,
}

/// What narrows a secret; an empty list narrows nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SecretLimits {
    /// `integration`, `pre_build`, `build`, `post_build`.
    #[schema(value_type = Vec<String>, max_items = 4)]
    pub stages: Vec<SecretStage>,
    /// `push`, `tag`, `pull_request`, `manual`, `schedule`.
    #[schema(value_type = Vec<String>)]
    pub events: Vec<EventKind>,
    /// References of images with `*`, which stops at a slash, and `**`. Without a version every version; with a tag no digest.
    #[schema(value_type = Vec<String>, max_items = 32)]
    pub images: Vec<ImagePattern>,
}

/// Which runs may read a secret; never those of strangers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum SecretScope {
    /// Every service of the workspace.
    Workspace,
    /// One service, by name.
    Service {
        #[schema(value_type = String)]
        service: Slug,
    },
    /// Only refs that may reach the environment, by name.
    Environment {
        #[schema(value_type = String)]
        environment: Slug,
    },
}

/// What is known of a secret without opening it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SecretView {
    #[schema(value_type = String)]
    pub id: SecretId,
    pub scope: SecretScope,
    #[schema(value_type = String)]
    pub name: VariableName,
    pub limits: SecretLimits,
    pub created_at: Timestamp,
}

impl From<&Limits> for SecretLimits {
    fn from(limits: &Limits) -> Self {
        Self {
            stages: limits.stages.iter().copied().collect(),
            events: limits.events.iter().copied().collect(),
            images: limits.images.iter().cloned().collect(),
        }
    }
}

impl From<&SecretLimits> for Limits {
    fn from(limits: &SecretLimits) -> Self {
        Self {
            stages: limits.stages.iter().copied().collect(),
            events: limits.events.iter().copied().collect(),
            images: limits.images.iter().cloned().collect(),
        }
    }
}
