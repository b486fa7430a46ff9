//! GitHub and GitHub Enterprise Server: `docs.github.com/rest`, version 2022-11-28.

mod api;
mod hook;
mod shapes;

pub(super) use api::Github;
pub(super) use hook::read;
