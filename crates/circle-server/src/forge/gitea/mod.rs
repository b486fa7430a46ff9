//! Gitea and Forgejo: `docs.gitea.com/api`, version 1.20 and later.

mod api;
mod hook;
mod shapes;

pub(super) use api::Gitea;
pub(super) use hook::read;
