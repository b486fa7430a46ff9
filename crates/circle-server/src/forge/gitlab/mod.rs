//! GitLab: `docs.gitlab.com/api`, version 4.

mod api;
mod hook;
mod shapes;

pub(super) use api::Gitlab;
pub(super) use hook::read;
