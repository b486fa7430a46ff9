//! From what is stored to a forge that can be asked.

use circle_api::worker::{CloneCredential, CloneLogin, SecretValue};
use circle_core::forge::{ForgeConnection, ForgeKind, ForgeLink};
use circle_core::ids::ForgeId;
use circle_core::names::Slug;
use circle_core::service::Service;
use circle_store::records::{Query, Version, kinds};
use circle_vcs::RepositoryUrl;
use secrecy::ExposeSecret;

use super::{Access, Forge, ForgeError, open};
use crate::auth::Tenant;
use crate::http::ApiError;
use crate::records::{ForgeRecord, ServiceRecord};
use crate::server::Server;

impl Server {
    /// A connection by name.
    pub(crate) async fn forge_named(&self, tenant: Tenant, name: &str) -> Result<(ForgeConnection, Version), ApiError> {
        let query = tenant.over(kinds::FORGE_NAME).equal(name);
        let found = self.records.load_by::<ForgeRecord>(query).await?;
        let (record, version) = found.ok_or_else(|| ApiError::not_found("forge", name))?;
        Ok((record.0, version))
    }

    /// A connection by id.
    pub(crate) async fn forge_connection(&self, id: ForgeId) -> Result<ForgeConnection, ApiError> {
        let found = self.records.load::<ForgeRecord>(&id.to_string()).await?;
        Ok(found.ok_or_else(|| ApiError::not_found("forge", id))?.0.0)
    }

    /// The forge behind a connection.
    pub(crate) async fn forge(&self, connection: &ForgeConnection) -> Result<Box<dyn Forge>, ApiError> {
        let token = self.forge_token(connection).await?;
        let access = Access {
            kind: connection.kind,
            address: connection.address.clone(),
            token,
        };
        open(&self.net, access).map_err(ApiError::from)
    }

    /// What opens the repository of a linked service: its connection's token, as long as that is for the same host.
    pub(crate) async fn linked_credential(
        &self,
        service: &Service,
        link: &ForgeLink,
    ) -> Result<Option<CloneCredential>, ApiError> {
        let connection = self.forge_connection(link.connection).await?;
        let origin = |address: &str| RepositoryUrl::parse(address).ok().map(|url| url.origin().to_owned());
        let own = origin(&clone_url(&connection, &link.full_name));
        let Some(origin) = origin(&service.repository).filter(|there| own.as_ref() == Some(there)) else {
            return Ok(None);
        };
        let token = self.forge_token(&connection).await?;
        let username = match connection.kind {
            ForgeKind::Github => "x-access-token".to_owned(),
            ForgeKind::Gitlab => "oauth2".to_owned(),
            ForgeKind::Gitea => connection.account.login,
        };
        let password = SecretValue::new(token.expose_secret());
        let login = CloneLogin::Password { username, password };
        Ok(Some(CloneCredential { origin, login }))
    }

    /// The services that are linked through a connection.
    pub(crate) async fn linked_services(&self, connection: &ForgeConnection) -> Result<Vec<Service>, ApiError> {
        let of_workspace = Query::over(kinds::SERVICE_NAME).equal(connection.workspace.to_string());
        let services = self.records.load_all::<ServiceRecord>(of_workspace).await?;
        let services = services.into_iter().map(|(ServiceRecord(service), _)| service);
        Ok(services.filter(|service| is_linked(service, connection.id)).collect())
    }
}

fn is_linked(service: &Service, connection: ForgeId) -> bool {
    service.forge.as_ref().is_some_and(|link| link.connection == connection)
}

/// Where a repository is cloned from: on every forge beneath its address, so that no answer leads a token elsewhere.
pub(crate) fn clone_url(connection: &ForgeConnection, full_name: &str) -> String {
    format!("{}/{full_name}.git", connection.address)
}

/// The name of a repository as a service's name, as near as can be.
pub(crate) fn slug_of(full_name: &str) -> Option<Slug> {
    let name = full_name.rsplit('/').next()?.to_ascii_lowercase();
    let plain: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    Slug::new(plain.trim_matches('-')).ok()
}

impl From<ForgeError> for ApiError {
    fn from(error: ForgeError) -> Self {
        match error {
            ForgeError::Unreachable(_) | ForgeError::Busy(_) => Self::Upstream(error.to_string()),
            ForgeError::NotFound => Self::NotFound {
                what: "repository or account on the forge",
                name: "that was asked for".into(),
            },
            other => Self::Conflict(other.to_string()),
        }
    }
}
