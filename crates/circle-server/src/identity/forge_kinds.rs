//! GitHub, GitLab, Gitea and Forgejo: they speak OAuth 2, and are asked who somebody is with the token that they gave.

use circle_core::forge::ForgeKind;
use circle_net::Net;

use super::error::is_of_client;
use super::provider::{Application, Person, Proof};
use super::{Flow, SignInError};
use crate::forge::{self, Access, ForgeError, OauthClient, exchange, open};
use crate::records::IdentityProviderRecord;

/// Where somebody lets Circle know who they are.
pub(super) fn authorize_url(
    kind: ForgeKind,
    provider: &IdentityProviderRecord,
    redirect: &str,
    (state, flow): (&str, &Flow),
) -> Result<String, SignInError> {
    // Who somebody is, and nothing of what they have.
    let scope = match kind {
        ForgeKind::Github | ForgeKind::Gitea => "read:user",
        ForgeKind::Gitlab => "read_user",
    };
    let asked = (kind, provider.address.as_str(), provider.client_id.as_str());
    forge::authorize_url(asked, scope, redirect, (state, flow.verifier.expose())).map_err(|error| told(provider, error))
}

/// Who somebody is, by the code that they came back with. The forge's id of them is the subject.
pub(super) async fn identify(
    net: &Net,
    kind: ForgeKind,
    app: &Application<'_>,
    proof: &Proof<'_>,
) -> Result<Person, SignInError> {
    let code = (proof.code.expose(), proof.flow.verifier.expose(), proof.redirect);
    let tokens = exchange(net, &client(kind, app), code).await;
    let tokens = tokens.map_err(|error| told(app.provider, error))?;
    let access = Access {
        kind,
        address: app.provider.address.clone(),
        token: tokens.access_token,
    };
    let forge = open(net, access).map_err(|error| told(app.provider, error))?;
    let account = forge.whoami().await.map_err(|error| match error {
        ForgeError::Token | ForgeError::Forbidden(_) => {
            SignInError::untrusted(app.provider, "it does not take the token that it gave")
        }
        other => told(app.provider, other),
    })?;
    Ok(Person {
        subject: account.id,
        login: account.login,
        email: None,
    })
}

/// What it says to a code that nobody has: whether it knows the application.
pub(super) async fn probe(
    net: &Net,
    kind: ForgeKind,
    app: &Application<'_>,
    redirect: &str,
) -> Result<(), SignInError> {
    let asked = (
        "circle-asks-whether-you-know-it",
        "circle-asks-0123456789-0123456789-0123456789",
        redirect,
    );
    match exchange(net, &client(kind, app), asked).await {
        Ok(_) => Err(SignInError::untrusted(
            app.provider,
            "it takes a code that it never gave",
        )),
        Err(error) => match told(app.provider, error) {
            SignInError::Refused { .. } => Ok(()),
            other => Err(other),
        },
    }
}

fn client<'a>(kind: ForgeKind, app: &'a Application<'a>) -> OauthClient<'a> {
    OauthClient {
        kind,
        address: &app.provider.address,
        client_id: &app.provider.client_id,
        client_secret: app.client_secret,
    }
}

fn told(provider: &IdentityProviderRecord, error: ForgeError) -> SignInError {
    match error {
        ForgeError::Unreachable(reason) => SignInError::down(provider, reason),
        ForgeError::Refused(said) if is_of_client(&said) => SignInError::unknown_client(provider, said),
        ForgeError::Refused(said) => SignInError::refused(provider, said),
        other => SignInError::down(provider, other.to_string()),
    }
}
