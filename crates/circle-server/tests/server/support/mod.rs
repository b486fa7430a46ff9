//! A server in this process, a repository beside it, and a worker played by the test.

pub(crate) mod circle;
pub(crate) mod forge;
pub(crate) mod gitea;
pub(crate) mod hook;
mod repository;
mod stage;
pub(crate) mod until;
mod worker;

pub(crate) use circle::{Circle, Options, slug};
pub(crate) use hook::{Hook, sign};
pub(crate) use repository::{PIPELINE, Repo};
pub(crate) use stage::play;
pub(crate) use until::until;
pub(crate) use worker::{Job, Played, facts};
