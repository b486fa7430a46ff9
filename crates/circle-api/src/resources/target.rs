//! Targets: where images are deployed.

use circle_core::environment::{Target, TargetKind};
use circle_core::ids::TargetId;
use circle_core::names::Slug;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::worker::SecretValue;

/// Makes a target known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetCreate {
    /// Unique in the workspace.
    #[schema(value_type = String, max_length = 63)]
    pub name: Slug,
    /// A Docker Swarm manager.
    pub swarm: SwarmEndpoint,
}

/// Replaces how the target is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetChange {
    pub swarm: SwarmEndpoint,
}

/// How a Docker Swarm manager's engine is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SwarmEndpoint {
    /// `unix:///path` or `tcp://host:port`; the server must be able to open it.
    #[schema(max_length = 512)]
    pub endpoint: String,
    /// Client certificate, key and CA as one PEM bundle, for TCP; sealed at once; at most 64 KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Password, max_length = 65_536)]
    pub tls_bundle: Option<SecretValue>,
}

/// A target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TargetView {
    #[schema(value_type = String)]
    pub id: TargetId,
    #[schema(value_type = String)]
    pub name: Slug,
    /// `swarm`.
    pub kind: String,
    pub endpoint: String,
    /// Whether a client certificate is kept.
    pub has_tls: bool,
    pub created_at: Timestamp,
}

impl From<&Target> for TargetView {
    fn from(target: &Target) -> Self {
        let TargetKind::Swarm { endpoint, tls } = &target.kind;
        Self {
            id: target.id,
            name: target.name.clone(),
            kind: "swarm".into(),
            endpoint: endpoint.clone(),
            has_tls: tls.is_some(),
            created_at: target.created_at,
        }
    }
}
