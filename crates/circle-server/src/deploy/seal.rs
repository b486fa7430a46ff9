//! Specifications at rest: they hold the environment of services, and with it the operator's secrets.

use circle_core::deployment::Deployment;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use crate::records::Sealed;
use crate::vault::{Place, Vault, VaultError};

/// Seals a specification for one workload.
pub(super) fn seal(vault: &Vault, deployment: &Deployment, spec: &str) -> Result<String, VaultError> {
    let sealed = vault.seal(place(deployment), spec)?;
    serde_json::to_string(&sealed).map_err(|_| VaultError::Damaged)
}

/// Opens a specification of the same workload.
pub(super) fn open(vault: &Vault, deployment: &Deployment, text: &str) -> Result<SecretString, VaultError> {
    let sealed: Sealed = serde_json::from_str(text).map_err(|_| VaultError::Damaged)?;
    let opened = vault.open_value(place(deployment), &sealed)?;
    Ok(SecretString::from(opened.expose_secret().to_owned()))
}

/// By what specifications are compared without being opened.
pub(super) fn hash(spec: &str) -> String {
    hex::encode(Sha256::digest(spec.as_bytes()))
}

fn place(deployment: &Deployment) -> Place<'_> {
    Place {
        workspace: deployment.workspace,
        scope: "deployment",
        name: &deployment.lock,
    }
}
