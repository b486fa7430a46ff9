//! Systems that say who people are, and whose the accounts there are.

use circle_api::resources::people::IdentityKind;
use circle_core::ids::{IdentityId, IdentityProviderId, SecretId, UserId};
use circle_core::names::Slug;
use circle_store::records::{Kind, Record};
use serde::{Deserialize, Serialize};

/// A system by which people sign in. Of the whole server: no workspace has a say in who somebody is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityProviderRecord {
    pub id: IdentityProviderId,
    /// Unique on the server, and for ever: it stands in the address that people are sent back to.
    pub name: Slug,
    pub kind: IdentityKind,
    /// `scheme://host[:port][/path]` without a slash at the end; of an `oidc` the issuer, exactly as it calls itself.
    pub address: String,
    pub client_id: String,
    /// The application's secret lies sealed under this id.
    pub client_secret: SecretId,
    /// Whether somebody unknown gets an account.
    pub create_accounts: bool,
    /// Only these, in small letters; everybody when empty.
    pub email_domains: Vec<String>,
    /// In milliseconds since 1970.
    pub created_at: i64,
}

/// The way from an account at a provider to the account here. It counts as long as the user's own document names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityRecord {
    pub id: IdentityId,
    pub provider: IdentityProviderId,
    /// The provider's own id of the account; never an address or a name, which others can get.
    pub subject: String,
    pub user: UserId,
}

impl Record for IdentityProviderRecord {
    const KIND: Kind = Kind::IdentityProvider;
    const SCHEMA: u32 = 1;

    fn id(&self) -> String {
        self.id.to_string()
    }
}

impl Record for IdentityRecord {
    const KIND: Kind = Kind::Identity;
    const SCHEMA: u32 = 1;

    fn id(&self) -> String {
        self.id.to_string()
    }
}
