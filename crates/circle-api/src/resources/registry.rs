//! Registries: where images are pushed to and pulled from.

use circle_core::ids::RegistryId;
use circle_core::names::Slug;
use circle_core::service::Registry;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::worker::SecretValue;

/// Makes a registry known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RegistryCreate {
    /// Unique in the workspace.
    #[schema(value_type = String, max_length = 63)]
    pub name: Slug,
    /// `host[:port]`, as it stands in image references.
    #[schema(max_length = 255)]
    pub address: String,
    /// Absent for a registry that asks nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 255)]
    pub username: Option<String>,
    /// Sealed at once and never shown again; at most 4 KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Password, max_length = 4096)]
    pub password: Option<SecretValue>,
}

/// Changes what is given, leaves the rest. A new address drops the password unless one is given too: a credential is
/// bound to its host.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RegistryChange {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Password)]
    pub password: Option<SecretValue>,
}

/// A registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RegistryView {
    #[schema(value_type = String)]
    pub id: RegistryId,
    #[schema(value_type = String)]
    pub name: Slug,
    pub address: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Whether a password is kept.
    pub has_password: bool,
    pub created_at: Timestamp,
}

impl From<&Registry> for RegistryView {
    fn from(registry: &Registry) -> Self {
        Self {
            id: registry.id,
            name: registry.name.clone(),
            address: registry.address.clone(),
            username: registry.username.clone(),
            has_password: registry.password.is_some(),
            created_at: registry.created_at,
        }
    }
}
