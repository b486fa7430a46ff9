//! Identity providers, and people who sign in by them.

use circle_core::ids::{IdentityId, IdentityProviderId};
use circle_core::names::Slug;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::AccountView;
use crate::worker::SecretValue;

/// What speaks at an identity provider's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum IdentityKind {
    /// github.com or GitHub Enterprise Server.
    Github,
    /// gitlab.com or a GitLab of one's own.
    Gitlab,
    /// Gitea or Forgejo.
    Gitea,
    /// Whatever speaks OpenID Connect with discovery.
    Oidc,
}

impl IdentityKind {
    /// The word on the wire.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Github => "github",
            Self::Gitlab => "gitlab",
            Self::Gitea => "gitea",
            Self::Oidc => "oidc",
        }
    }
}

/// Lets people sign in by another system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IdentityProviderCreate {
    /// Unique on the server; it stands on the button and in the address that people are sent back to, and stays.
    #[schema(value_type = String, max_length = 63)]
    pub name: Slug,
    pub kind: IdentityKind,
    /// As a browser opens it, or the issuer of an `oidc`; absent for github.com and gitlab.com.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 512)]
    pub address: Option<String>,
    /// Of the application that is registered there.
    #[schema(max_length = 255)]
    pub client_id: String,
    /// Sealed at once and never shown again; at most 4 KiB.
    #[schema(value_type = String, format = Password, max_length = 4096)]
    pub client_secret: SecretValue,
    /// Whether somebody whom nobody invited gets an account at the first sign-in. It may nothing before somebody gives it a role.
    #[serde(default)]
    pub create_accounts: bool,
    /// Accounts are made only for people whose verified address of mail lies in one of these domains; of an `oidc` only.
    #[serde(default)]
    #[schema(max_items = 32)]
    pub email_domains: Vec<String>,
}

/// What an identity provider is from now on; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IdentityProviderChange {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 255)]
    pub client_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Password, max_length = 4096)]
    pub client_secret: Option<SecretValue>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create_accounts: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 32)]
    pub email_domains: Option<Vec<String>>,
}

/// A system that says who people are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IdentityProviderView {
    #[schema(value_type = String)]
    pub id: IdentityProviderId,
    #[schema(value_type = String)]
    pub name: Slug,
    pub kind: IdentityKind,
    pub address: String,
    pub client_id: String,
    /// The application that is registered there must send people back to this very address.
    pub redirect_uri: String,
    pub create_accounts: bool,
    pub email_domains: Vec<String>,
    pub created_at: Timestamp,
}

/// How an identity provider stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IdentityProviderCheck {
    /// As far as can be seen without anybody signing in.
    pub good: bool,
    /// What was seen, in sentences.
    pub findings: Vec<String>,
    /// The application that is registered there must send people back to this very address.
    pub redirect_uri: String,
}

/// How somebody can sign in beside name and password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SignInWays {
    /// By name.
    pub providers: Vec<SignInWay>,
}

/// A button of the page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SignInWay {
    #[schema(value_type = String)]
    pub name: Slug,
    pub kind: IdentityKind,
}

/// What somebody goes to an identity provider for. It must be finished within ten minutes, in the same browser.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "purpose", rename_all = "snake_case", deny_unknown_fields)]
pub enum IdentityBegin {
    /// To sign in.
    SignIn {
        /// The page of this server that is wanted afterwards, as a path; the first page when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(max_length = 512)]
        to: Option<String>,
    },
    /// To use up a one-time link, for an account that is made, or for the one that is theirs already.
    Join {
        /// What stands behind the `#` of the link.
        #[schema(value_type = String, format = Password, max_length = 256)]
        link: SecretValue,
        /// The name of the new account.
        #[schema(value_type = String, max_length = 63)]
        name: Slug,
    },
    /// To sign in by it from now on, beside the ways there are; only for somebody with a session.
    Link {},
}

/// Where to go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IdentityBegun {
    pub authorize_url: String,
}

/// What the identity provider sent somebody back with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IdentityFinish {
    #[schema(value_type = String, format = Password, max_length = 256)]
    pub state: SecretValue,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Password, max_length = 4096)]
    pub code: Option<SecretValue>,
    /// Who says so (RFC 9207), where the provider tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 512)]
    pub iss: Option<String>,
    /// Why there is no code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 255)]
    pub error: Option<String>,
}

/// Somebody is signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IdentityFinished {
    pub account: AccountView,
    /// The path that was wanted at the beginning.
    pub to: String,
}

/// One of somebody's accounts at identity providers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IdentityView {
    #[schema(value_type = String)]
    pub id: IdentityId,
    #[schema(value_type = String)]
    pub provider: Slug,
    pub kind: IdentityKind,
    /// What they were called there when it was linked.
    pub login: String,
    pub linked_at: Timestamp,
}
