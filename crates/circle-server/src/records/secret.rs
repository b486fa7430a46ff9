//! Sealed values.

use circle_core::ids::{SecretId, WorkspaceId};
use circle_core::names::VariableName;
use circle_core::secret_limits::SecretLimits;
use circle_core::service::SecretScope;
use circle_store::records::{Kind, Record};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A secret as it is kept: who may read it, and the value under the master key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SecretRecord {
    pub id: SecretId,
    pub workspace: WorkspaceId,
    /// [`scope_key`] of `readers`.
    pub scope: String,
    pub name: VariableName,
    pub readers: SecretScope,
    /// Where within what `readers` says.
    #[serde(default, skip_serializing_if = "SecretLimits::is_none")]
    pub limits: SecretLimits,
    pub sealed: Sealed,
    pub created_at: Timestamp,
}

/// A value that only the vault opens.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// Which master key.
    pub key: String,
    /// 24 bytes, base64.
    pub nonce: String,
    /// Base64, with the authentication tag.
    pub text: String,
}

/// A scope as the text by which it is found and to which its values are bound.
pub fn scope_key(scope: &SecretScope) -> String {
    match scope {
        SecretScope::Workspace => "workspace".into(),
        SecretScope::Service { service } => format!("service:{service}"),
        SecretScope::Environment { environment } => format!("environment:{environment}"),
        SecretScope::Internal => "internal".into(),
    }
}

impl std::fmt::Debug for Sealed {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Sealed(key {})", self.key)
    }
}

impl Record for SecretRecord {
    const KIND: Kind = Kind::Secret;
    const SCHEMA: u32 = 1;

    fn id(&self) -> String {
        self.id.to_string()
    }
}
