//! A connection's token: as it was given, or made fresh before it ends.

use circle_core::forge::{ForgeConnection, OauthApp};
use circle_store::records::RecordError;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::ForgeError;
use super::oauth::{self, App, Tokens};
use crate::http::ApiError;
use crate::records::{ForgeRecord, SecretRecord};
use crate::server::Server;
use crate::time::now;

/// A token that ends sooner is made fresh first: no request takes as long.
const SPARE: SignedDuration = SignedDuration::from_secs(60);

/// What lies sealed of a connection by OAuth, as one value: none of it is there without the rest.
#[derive(Serialize, Deserialize)]
pub(crate) struct Grant {
    client_secret: String,
    access: String,
    refresh: Option<String>,
}

impl Grant {
    /// What a forge gave to an application.
    pub(crate) fn new(client_secret: &SecretString, tokens: &Tokens) -> Self {
        let text = |secret: &SecretString| secret.expose_secret().to_owned();
        Self {
            client_secret: text(client_secret),
            access: text(&tokens.access_token),
            refresh: tokens.refresh_token.as_ref().map(text),
        }
    }

    /// As it is sealed.
    pub(crate) fn text(&self) -> Result<String, ApiError> {
        serde_json::to_string(self).map_err(|_| ApiError::Internal("a grant cannot be written".into()))
    }

    fn parse(text: &SecretString) -> Result<Self, ApiError> {
        serde_json::from_str(text.expose_secret())
            .map_err(|_| ApiError::Internal("what is kept of a forge's grant is damaged".into()))
    }
}

/// When tokens end; `None`: they do not.
pub(crate) fn expiry(tokens: &Tokens) -> Option<Timestamp> {
    let seconds = tokens.expires_in.filter(|seconds| *seconds > 0)?;
    now().checked_add(SignedDuration::from_secs(seconds)).ok()
}

impl Server {
    /// The token of a connection, good for a while.
    pub(super) async fn forge_token(&self, connection: &ForgeConnection) -> Result<SecretString, ApiError> {
        let sealed = self.sealed_token(connection).await?;
        let Some(app) = &connection.oauth else {
            return Ok(sealed);
        };
        let grant = Grant::parse(&sealed)?;
        if !is_old(app) || grant.refresh.is_none() {
            return Ok(grant.access.into());
        }
        // One after the other: a refresh token works once, so two who use it lose both.
        let _turn = self.forge_refresh.lock().await;
        let current = self.forge_connection(connection.id).await?;
        let grant = Grant::parse(&self.sealed_token(&current).await?)?;
        match (&current.oauth, &grant.refresh) {
            (Some(app), Some(refresh)) if is_old(app) => self.refreshed(&current, app, (&grant, refresh)).await,
            _ => Ok(grant.access.into()),
        }
    }

    async fn refreshed(
        &self,
        connection: &ForgeConnection,
        app: &OauthApp,
        (grant, refresh): (&Grant, &str),
    ) -> Result<SecretString, ApiError> {
        let client_secret = SecretString::from(grant.client_secret.clone());
        let client = App {
            kind: connection.kind,
            address: &connection.address,
            client_id: &app.client_id,
            client_secret: &client_secret,
        };
        let fresh = oauth::refresh(&self.net, &client, &refresh.to_owned().into()).await;
        let tokens = fresh.map_err(|error| match error {
            ForgeError::Token => ApiError::Conflict(format!("{error}, or connect it anew")),
            other => other.into(),
        })?;
        let mut new = Grant::new(&client_secret, &tokens);
        new.refresh = new.refresh.or_else(|| Some(refresh.to_owned()));
        let place = self.reseal(connection, &new.text()?).await;
        place?;
        let ends = expiry(&tokens);
        let put = |ForgeRecord(known): &mut ForgeRecord| {
            if let Some(app) = &mut known.oauth {
                app.expires_at = ends;
            }
            Ok::<(), ApiError>(())
        };
        self.records.update(&connection.id.to_string(), put).await?;
        tracing::info!(forge = %connection.name, "the token of a forge was made fresh");
        Ok(tokens.access_token)
    }

    /// The old tokens are worth nothing any more: the new ones take their place, in one write.
    async fn reseal(&self, connection: &ForgeConnection, text: &str) -> Result<(), ApiError> {
        let id = connection.token.to_string();
        let found = self.records.load::<SecretRecord>(&id).await;
        let found = found.map_err(|error: RecordError| ApiError::from(error))?;
        let (record, _) = found.ok_or_else(|| ApiError::not_found("token of the forge", &connection.name))?;
        let value = circle_api::worker::SecretValue::new(text);
        self.keep_secret(record.workspace, record.readers, record.name.as_str(), &value)
            .await?;
        Ok(())
    }

    async fn sealed_token(&self, connection: &ForgeConnection) -> Result<SecretString, ApiError> {
        let token = self.open_secret_by_id(connection.token).await?;
        token.ok_or_else(|| ApiError::not_found("token of the forge", &connection.name))
    }
}

fn is_old(app: &OauthApp) -> bool {
    app.expires_at.is_some_and(|at| at.duration_since(now()) < SPARE)
}
