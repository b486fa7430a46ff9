//! Secrets of Circle itself: target certificates and registry passwords. They go to the target, never to a job.

use circle_core::deployment::Deployment;
use circle_core::ids::SecretId;
use circle_core::service::Registry;
use circle_store::records::kinds::REGISTRY_NAME;
use circle_store::records::{FindAll, Query};
use secrecy::SecretString;

use super::drive::StepError;
use super::engine::Deployer;
use super::port::RegistryLogin;
use crate::records::{RegistryRecord, SecretRecord};
use crate::vault::{Place, VaultError};

/// The login of the workspace's registry that an image comes from; `None` = it is pulled by anybody.
pub(super) async fn login(
    deployer: &Deployer,
    deployment: &Deployment,
    image: &str,
) -> Result<Option<RegistryLogin>, StepError> {
    let Some(registry) = registry_of(deployer, deployment, image).await? else {
        return Ok(None);
    };
    let (Some(username), Some(password)) = (registry.username, registry.password) else {
        return Ok(None);
    };
    let password = open_secret(deployer, password).await?;
    Ok(Some(RegistryLogin {
        address: registry.address,
        username,
        password,
    }))
}

/// A secret of Circle itself, by its id.
pub(super) async fn open_secret(deployer: &Deployer, id: SecretId) -> Result<SecretString, StepError> {
    let found = deployer.records.load::<SecretRecord>(&id.to_string()).await?;
    let (secret, _) = found.ok_or(VaultError::Damaged)?;
    let place = Place {
        workspace: secret.workspace,
        scope: &secret.scope,
        name: secret.name.as_str(),
    };
    Ok(deployer.vault.open_value(place, &secret.sealed)?)
}

async fn registry_of(deployer: &Deployer, deployment: &Deployment, image: &str) -> Result<Option<Registry>, StepError> {
    let host = image.split('/').next().unwrap_or_default();
    let query = Query::over(REGISTRY_NAME).equal(deployment.workspace.to_string());
    let store = deployer.records.store();
    let mut pages = FindAll::new(store.as_ref(), query);
    while let Some(heads) = pages.next().await? {
        for head in heads {
            let found = deployer.records.load::<RegistryRecord>(&head.id).await?;
            if let Some((RegistryRecord(registry), _)) = found.filter(|(record, _)| record.0.address == host) {
                return Ok(Some(registry));
            }
        }
    }
    Ok(None)
}
