//! Handlers of `/api/v1`: one file for each kind of thing. Every one of them takes what opens the
//! tenant, or the server, to its caller; see `crate::auth`.

mod accounts;
mod approvals;
mod audit;
mod backups;
mod credentials;
mod deliveries;
mod delivery_payload;
mod deployments;
mod environments;
mod events;
mod forge_oauth;
mod forge_services;
mod forges;
mod links;
mod live_ticket;
mod log_lines;
mod logs;
mod master_keys;
mod members;
mod notices;
mod page;
mod post_receive;
mod registries;
mod rerun;
mod roots;
mod routes;
mod runs;
mod secrets;
mod server;
mod services;
mod targets;
mod tokens;
mod triggers;
mod users;
mod validate;
mod views;
mod workers;
mod workloads;
mod workspaces;

pub(crate) use credentials::for_git;
pub(crate) use forge_oauth::OauthFlows;
pub(crate) use logs::newest;
pub(super) use page::page;
pub(super) use routes::router;
pub(super) use views::run_view;
