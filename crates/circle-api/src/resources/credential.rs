//! What opens a private repository: set and forgotten here, never shown.

use circle_core::service::{CloneCredential, CloneLogin};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::worker::SecretValue;

/// Makes or replaces the credential of a service. It belongs to the host that the service is on now and is used for no other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum CredentialSet {
    /// For https and http.
    Password {
        /// 1 to 255 bytes; many forges take any name beside a token.
        #[schema(max_length = 255)]
        username: String,
        /// A password or an access token, 1 to 4,000 bytes; sealed at once.
        #[schema(value_type = String, format = Password, min_length = 1, max_length = 4_000)]
        password: SecretValue,
    },
    /// For ssh.
    DeployKey {
        /// As ssh-keygen writes it, without a passphrase; sealed at once.
        #[schema(value_type = String, format = Password, min_length = 1, max_length = 16_384)]
        private_key: SecretValue,
        /// Lines of a `known_hosts` file. Only a host that shows one of its keys is spoken to.
        #[schema(max_length = 65_536)]
        known_hosts: String,
    },
}

/// What is known of a credential without opening it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CredentialView {
    pub kind: CredentialKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// `scheme://host[:port]`: whom it is shown to.
    pub origin: String,
    pub set_at: Timestamp,
}

/// What a credential is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CredentialKind {
    Password,
    DeployKey,
}

impl From<&CloneCredential> for CredentialView {
    fn from(credential: &CloneCredential) -> Self {
        let (kind, username) = match &credential.login {
            CloneLogin::Password { username } => (CredentialKind::Password, Some(username.clone())),
            CloneLogin::DeployKey { .. } => (CredentialKind::DeployKey, None),
        };
        Self {
            kind,
            username,
            origin: credential.origin.clone(),
            set_at: credential.set_at,
        }
    }
}
