//! A provider with its application's secret: whatever its kind, it is asked the same three things.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use circle_api::resources::people::IdentityKind;
use circle_api::routes;
use circle_api::worker::SecretValue;
use circle_core::forge::ForgeKind;
use circle_store::records::{Query, Version, kinds};
use secrecy::SecretString;

use super::discovery::Discoveries;
use super::{Flow, SignInError, forge_kinds, oidc};
use crate::http::ApiError;
use crate::records::IdentityProviderRecord;
use crate::server::Server;

/// What is remembered of sign-ins: what providers said of themselves, and which sign-ins were finished.
#[derive(Debug, Default)]
pub(crate) struct SignIns {
    pub(super) discoveries: Discoveries,
    /// Hashes of states, and when each would have ended, in milliseconds since 1970.
    used: Mutex<HashMap<String, i64>>,
}

/// Finished sign-ins that are remembered; what falls out is refused by the provider, whose codes work once too.
const USED: usize = 65_536;

impl SignIns {
    /// Notes a state as used up; false when it was before.
    pub(super) fn use_up(&self, state: &str, (ends_at, now): (i64, i64)) -> bool {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if used.len() >= USED {
            used.retain(|_, end| *end > now);
        }
        if used.len() >= USED
            && let Some(oldest) = used.iter().min_by_key(|(_, end)| **end).map(|(state, _)| state.clone())
        {
            used.remove(&oldest);
        }
        used.insert(state.to_owned(), ends_at).is_none()
    }
}

/// Who somebody is, as a provider says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Person {
    /// The provider's own id of them.
    pub(crate) subject: String,
    /// What they are called there; for showing.
    pub(crate) login: String,
    /// In small letters; only one that the provider has seen to be theirs.
    pub(crate) email: Option<String>,
}

/// What somebody came back with.
#[derive(Debug)]
pub(crate) struct Proof<'a> {
    pub(crate) flow: &'a Flow,
    pub(crate) code: &'a SecretValue,
    /// Who says that it is its code.
    pub(crate) issuer: Option<&'a str>,
    /// Where they were sent back to.
    pub(crate) redirect: &'a str,
}

/// Circle, as it is registered at a provider.
pub(super) struct Application<'a> {
    pub(super) provider: &'a IdentityProviderRecord,
    pub(super) client_secret: &'a SecretString,
}

/// The forge that it is; `None` for OpenID Connect.
fn forge(kind: IdentityKind) -> Option<ForgeKind> {
    match kind {
        IdentityKind::Github => Some(ForgeKind::Github),
        IdentityKind::Gitlab => Some(ForgeKind::Gitlab),
        IdentityKind::Gitea => Some(ForgeKind::Gitea),
        IdentityKind::Oidc => None,
    }
}

impl Server {
    /// A provider by name.
    pub(crate) async fn identity_provider(&self, name: &str) -> Result<(IdentityProviderRecord, Version), ApiError> {
        let query = Query::over(kinds::IDENTITY_PROVIDER_NAME).equal(name);
        let found = self.records.load_by::<IdentityProviderRecord>(query).await?;
        found.ok_or_else(|| ApiError::not_found("identity provider", name))
    }

    /// Where a provider sends people back to. Each has an address of its own, so that none can pass off another's code as its own.
    pub(crate) fn sign_in_back_url(&self, provider: &IdentityProviderRecord) -> String {
        let path = routes::fill(routes::SIGN_IN_BACK, &[provider.name.as_str()]);
        format!("{}{path}", self.config.url)
    }

    /// The address that a browser opens next.
    pub(crate) async fn authorize_url(
        &self,
        provider: &IdentityProviderRecord,
        (state, flow): (&str, &Flow),
    ) -> Result<String, ApiError> {
        let redirect = self.sign_in_back_url(provider);
        let url = match forge(provider.kind) {
            Some(kind) => forge_kinds::authorize_url(kind, provider, &redirect, (state, flow))?,
            None => {
                let found = self.sign_ins.discoveries.of(&self.net, provider, false).await?;
                oidc::authorize_url(&found, &provider.client_id, &redirect, (state, flow))
            }
        };
        Ok(url)
    }

    /// Who came back.
    pub(crate) async fn identify(
        &self,
        provider: &IdentityProviderRecord,
        proof: &Proof<'_>,
    ) -> Result<Person, ApiError> {
        let client_secret = self.client_secret(provider).await?;
        let app = Application {
            provider,
            client_secret: &client_secret,
        };
        Ok(match forge(provider.kind) {
            Some(kind) => forge_kinds::identify(&self.net, kind, &app, proof).await?,
            None => oidc::identify((&self.net, &self.sign_ins), &app, proof).await?,
        })
    }

    /// What can be seen of a provider while nobody signs in: whether it answers, and knows the application.
    pub(crate) async fn probe(
        &self,
        provider: &IdentityProviderRecord,
        client_secret: &SecretString,
    ) -> Result<(), SignInError> {
        let app = Application {
            provider,
            client_secret,
        };
        let redirect = self.sign_in_back_url(provider);
        match forge(provider.kind) {
            Some(kind) => forge_kinds::probe(&self.net, kind, &app, &redirect).await,
            None => {
                let found = self.sign_ins.discoveries.of(&self.net, provider, true).await?;
                oidc::probe(&self.net, &found, &app, &redirect).await
            }
        }
    }

    /// The secret of the application.
    pub(crate) async fn client_secret(&self, provider: &IdentityProviderRecord) -> Result<SecretString, ApiError> {
        let found = self.open_secret_by_id(provider.client_secret).await?;
        found.ok_or_else(|| ApiError::Internal("a provider's client secret is missing".into()))
    }

    /// Forgets what was remembered of a provider that is gone.
    pub(crate) fn forget_discovery(&self, provider: &IdentityProviderRecord) {
        self.sign_ins.discoveries.forget(provider.id);
    }
}
