//! What opens a service's private repository: sealed here, opened for the mirror and for the worker of a run.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use circle_api::resources::{CredentialSet, ServiceView};
use circle_api::routes;
use circle_api::worker::{self, SecretValue};
use circle_core::service::{CloneCredential, CloneLogin, SecretScope, Service};
use circle_vcs::{Credential, Login, RepositoryUrl, Scheme, check_private_key, host_keys};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use super::services::view;
use super::validate::Faults;
use crate::auth::{Admin, Within};
use crate::http::{ApiError, Body, Segments};
use crate::records::ServiceRecord;
use crate::server::Server;
use crate::time::now;

/// Longest password, in bytes: what git's helper hands over at once.
const MAX_PASSWORD_BYTES: usize = 4_000;
/// Largest `known_hosts`, in bytes.
const MAX_KNOWN_HOSTS_BYTES: usize = 64 * 1024;

/// Sets what opens the service's repository; what was there before is forgotten.
#[utoipa::path(put, path = routes::SERVICE_CREDENTIAL, tag = "services", operation_id = "set_credential", params(("workspace" = String, Path), ("service" = String, Path)), request_body = CredentialSet, responses((status = 200, body = ServiceView)))]
pub(in crate::http) async fn set(
    State(server): State<Arc<Server>>,
    within: Within<Admin>,
    Segments((_workspace, name)): Segments<(String, String)>,
    Body(wish): Body<CredentialSet>,
) -> Result<Json<ServiceView>, ApiError> {
    let (service, _) = server.service(within.tenant, &name).await?;
    let url = RepositoryUrl::parse(&service.repository).map_err(|error| ApiError::Invalid(error.to_string()))?;
    let (login, secret) = checked(wish, &url)?;
    // Under a name of its own, so that no reader ever meets an old login beside a new secret.
    let sealed_name = format!("clone_{}_{}", service.id, Uuid::now_v7().simple());
    let sealed = server
        .keep_secret(within.workspace.id, SecretScope::Internal, &sealed_name, &secret)
        .await?;
    let credential = CloneCredential {
        origin: url.origin().to_owned(),
        login,
        secret: sealed.id,
        set_at: now(),
    };
    let mut before = None;
    let apply = |ServiceRecord(known): &mut ServiceRecord| {
        // It was checked against this address; another one must not get it.
        if known.repository != service.repository {
            return Err(ApiError::Conflict(
                "the repository was changed meanwhile: set it again".into(),
            ));
        }
        before = known.credential.replace(credential.clone());
        Ok(())
    };
    let updated = server.records.update(&service.id.to_string(), apply).await?;
    server.forget_credential(before.as_ref()).await?;
    Ok(Json(view(&server, &within.workspace, &updated.record.0)))
}

/// Forgets what opened the service's repository.
#[utoipa::path(delete, path = routes::SERVICE_CREDENTIAL, tag = "services", operation_id = "remove_credential", params(("workspace" = String, Path), ("service" = String, Path)), responses((status = 204)))]
pub(in crate::http) async fn remove(
    State(server): State<Arc<Server>>,
    within: Within<Admin>,
    Segments((_workspace, name)): Segments<(String, String)>,
) -> Result<StatusCode, ApiError> {
    let (service, _) = server.service(within.tenant, &name).await?;
    let mut before = None;
    let apply = |ServiceRecord(known): &mut ServiceRecord| {
        before = known.credential.take();
        Ok::<(), ApiError>(())
    };
    server.records.update(&service.id.to_string(), apply).await?;
    if before.is_none() {
        return Err(ApiError::not_found("credential of the service", &name));
    }
    server.forget_credential(before.as_ref()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What is kept in the open and what is sealed, when the wish fits the repository's address.
fn checked(wish: CredentialSet, url: &RepositoryUrl) -> Result<(CloneLogin, SecretValue), ApiError> {
    let web = matches!(url.scheme(), Scheme::Https | Scheme::Http);
    let mut faults = Faults::default();
    match wish {
        CredentialSet::Password { username, password } => {
            let message = format!("a password is for https; {url} wants a deploy key, or is open to everybody");
            faults.unless(web, "kind", message);
            faults.text(Some(&username), 255, "username");
            let plain = !password.expose().contains(['\n', '\r', '\0']);
            let fits = plain && (1..=MAX_PASSWORD_BYTES).contains(&password.expose().len());
            faults.unless(fits, "password", "a password has 1 to 4,000 bytes and no line break");
            faults.done()?;
            Ok((CloneLogin::Password { username }, password))
        }
        CredentialSet::DeployKey {
            private_key,
            known_hosts,
        } => {
            let message = format!("a deploy key is for ssh; {url} wants a user name and a password");
            faults.unless(url.scheme() == Scheme::Ssh, "kind", message);
            if let Err(why) = check_private_key(private_key.expose()) {
                faults.unless(false, "private_key", why);
            }
            let fits = known_hosts.len() <= MAX_KNOWN_HOSTS_BYTES;
            faults.unless(fits, "known_hosts", "known_hosts has at most 64 KiB");
            let host_keys = host_keys(&known_hosts, url).unwrap_or_else(|why| {
                faults.unless(false, "known_hosts", why);
                Vec::new()
            });
            faults.done()?;
            Ok((CloneLogin::DeployKey { host_keys }, private_key))
        }
    }
}

impl Server {
    /// What opens the service's repository, for the worker of a run; `None` when there is nothing, or it belongs to another host.
    pub(crate) async fn clone_credential(
        &self,
        service: &Service,
    ) -> Result<Option<worker::CloneCredential>, ApiError> {
        let Some(known) = &service.credential else {
            return match &service.forge {
                Some(link) => self.linked_credential(service, link).await,
                None => Ok(None),
            };
        };
        let here = RepositoryUrl::parse(&service.repository).is_ok_and(|url| url.origin() == known.origin);
        let Some(secret) = self.open_secret_by_id(known.secret).await?.filter(|_| here) else {
            return Ok(None);
        };
        let secret = SecretValue::new(secret.expose_secret());
        let login = match &known.login {
            CloneLogin::Password { username } => worker::CloneLogin::Password {
                username: username.clone(),
                password: secret,
            },
            CloneLogin::DeployKey { host_keys } => worker::CloneLogin::DeployKey {
                private_key: secret,
                host_keys: host_keys.clone(),
            },
        };
        Ok(Some(worker::CloneCredential {
            origin: known.origin.clone(),
            login,
        }))
    }

    /// Removes the sealed half of a credential that no service refers to any more.
    pub(super) async fn forget_credential(&self, credential: Option<&CloneCredential>) -> Result<(), ApiError> {
        match credential {
            Some(credential) => self.forget_sealed(credential.secret).await,
            None => Ok(()),
        }
    }
}

/// The same for git on this machine.
pub(crate) fn for_git(credential: worker::CloneCredential) -> Credential {
    let secret = SecretString::from(credential.login.secret().expose().to_owned());
    let login = match credential.login {
        worker::CloneLogin::Password { username, .. } => Login::Password {
            username,
            password: secret,
        },
        worker::CloneLogin::DeployKey { host_keys, .. } => Login::Key {
            private_key: secret,
            host_keys,
        },
    };
    Credential {
        origin: credential.origin,
        login,
    }
}
