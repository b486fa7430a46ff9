//! Specifications at rest: they hold the environment of services, and with it the operator's secrets.

use circle_core::deployment::Deployment;
use circle_core::ids::WorkspaceId;
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

/// Seals a specification anew, when it is sealed under an older key; an empty text stands for none.
pub(crate) fn renew(
    vault: &Vault,
    (workspace, lock): (WorkspaceId, &str),
    text: &mut String,
) -> Result<(), VaultError> {
    if text.is_empty() {
        return Ok(());
    }
    let sealed: Sealed = serde_json::from_str(text).map_err(|_| VaultError::Damaged)?;
    if sealed.key == vault.sealing_key() {
        return Ok(());
    }
    let place = Place {
        workspace,
        scope: "deployment",
        name: lock,
    };
    let opened = vault.open_value(place, &sealed)?;
    let renewed = vault.seal(place, opened.expose_secret())?;
    *text = serde_json::to_string(&renewed).map_err(|_| VaultError::Damaged)?;
    Ok(())
}

fn place(deployment: &Deployment) -> Place<'_> {
    Place {
        workspace: deployment.workspace,
        scope: "deployment",
        name: &deployment.lock,
    }
}
