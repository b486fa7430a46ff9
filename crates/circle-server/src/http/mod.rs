//! What is answered, and to whom. A handler takes the credential that it wants as its first extractor.

mod answers;
mod api;
mod audit;
mod describe;
mod error;
mod extract;
mod find;
mod first_workspace;
mod forge_hooks;
mod health;
mod hook_keys;
mod hooks;
mod live;
mod matching;
mod metrics;
mod oauth_page;
mod once;
mod routes;
mod shell;
mod time_limit;
mod urls;
mod web;
mod worker;

pub(crate) use api::{OauthFlows, for_git, newest};
pub use describe::openapi;
pub(crate) use error::ApiError;
pub(crate) use extract::{Body, Params, Peer, RawBody, Segments};
pub(crate) use first_workspace::make_default_workspace;
pub(crate) use hook_keys::HookKeys;
pub(crate) use live::LiveTickets;
pub(crate) use matching::{IfMatch, Tagged};
pub(crate) use once::{KEY as IDEMPOTENCY_KEY, Once};
pub use routes::PUBLIC;
pub(crate) use routes::router;
pub(crate) use shell::Meeting;
pub use worker::ROUTES as WORKER_ROUTES;
