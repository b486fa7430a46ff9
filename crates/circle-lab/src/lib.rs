//! The real servers that stand beside Circle in the demo, the stories and the examples: a registry, git servers, a
//! mail server, an identity provider and a Docker Swarm of one node.
//!
//! Everything listens on loopback, keeps its files in the folder it is given, and dies with its handle. Nothing here is
//! part of the product's way: Circle meets these servers only over the wire.

mod browser;
mod child;
mod engine;
mod git;
mod git_web;
mod mailbox;
mod mortal;
mod oidc;
mod oidc_keys;
mod ports;
mod registry;
mod sshd;
mod swarm;
mod visit;

pub use browser::play;
pub use child::{Child, LabError};
pub use git::{GitServer, Repository};
pub use git_web::GitWeb;
pub use mailbox::Mailbox;
pub use oidc::{OidcProvider, OidcWorld};
pub use oidc_keys::Signing;
pub use ports::{free_port, is_free};
pub use registry::{Credentials, Registry};
pub use sshd::Sshd;
pub use swarm::{Published, Swarm};
pub use visit::visit;
