//! From a connection to the adapter that speaks to it.

use circle_core::forge::ForgeKind;
use circle_net::Net;
use secrecy::SecretString;
use url::Url;

use super::gitea::Gitea;
use super::github::Github;
use super::gitlab::Gitlab;
use super::wire::Wire;
use super::{Forge, ForgeError};

/// How a forge is reached.
#[derive(Debug, Clone)]
pub struct Access {
    /// What speaks there.
    pub kind: ForgeKind,
    /// As a person opens it in a browser.
    pub address: String,
    /// Somebody's token.
    pub token: SecretString,
}

/// The forge behind an address.
///
/// # Errors
/// [`ForgeError::Refused`] for what is no address.
pub fn open(net: &Net, access: Access) -> Result<Box<dyn Forge>, ForgeError> {
    let refused = |error: url::ParseError| ForgeError::Refused(format!("{} is no address: {error}", access.address));
    let mut base = Url::parse(&access.address).map_err(refused)?;
    let api: &[&str] = match access.kind {
        ForgeKind::Github if base.host_str() == Some("github.com") => {
            base.set_host(Some("api.github.com")).map_err(refused)?;
            &[]
        }
        ForgeKind::Github => &["api", "v3"],
        ForgeKind::Gitlab => &["api", "v4"],
        ForgeKind::Gitea => &["api", "v1"],
    };
    base.path_segments_mut()
        .map_err(|()| ForgeError::Refused(format!("{} is no address of a forge", access.address)))?
        .pop_if_empty()
        .extend(api);
    let accept = match access.kind {
        ForgeKind::Github => "application/vnd.github+json",
        ForgeKind::Gitlab | ForgeKind::Gitea => "application/json",
    };
    let wire = |accept| Wire::new(net.clone(), base.clone(), access.token.clone(), accept);
    Ok(match access.kind {
        ForgeKind::Github => {
            let raw = wire("application/vnd.github.raw+json");
            Box::new(Github::new(wire(accept).keeping_marks(), raw))
        }
        ForgeKind::Gitlab => Box::new(Gitlab::new(wire(accept))),
        ForgeKind::Gitea => Box::new(Gitea::new(wire(accept))),
    })
}
