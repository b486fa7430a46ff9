//! Forges: GitHub, GitLab, Gitea and Forgejo behind one port. Plain git needs none of it: its hook names the ref, and
//! `circle-vcs` reads the rest; other systems of versions join here by a kind of their own.
//!
//! [`Forge`] asks; [`verify`] and [`read`] understand calls of a forge and ask nobody. A call is believed for its
//! signature alone, a repository and a person for the forge's id of it alone.

mod connections;
mod error;
mod gitea;
mod github;
mod github_like;
mod gitlab;
mod grant;
mod labels;
mod notice;
mod oauth;
mod open;
mod page;
mod port;
mod verify;
mod wire;

pub(crate) use connections::{clone_url, slug_of};
pub use error::ForgeError;
pub(crate) use grant::{Grant, expiry};
pub use notice::{Notice, PullAction, PullNotice, Unreadable, What, read};
pub(crate) use oauth::{App as OauthClient, authorize_url, challenge, exchange, linking_scope};
pub use open::{Access, open};
pub use port::{Forge, HookState, HookWish, OpenPulls, PullRequest, PullsWish, Repositories, Repository};
pub use verify::verify;
