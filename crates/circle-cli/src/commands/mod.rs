//! One file for each command.

pub(crate) mod approve;
pub(crate) mod backup;
pub(crate) mod audit;
pub(crate) mod cancel;
pub(crate) mod cell_init;
pub(crate) mod cells;
pub(crate) mod completions;
pub(crate) mod deliveries;
pub(crate) mod doctor;
pub(crate) mod environment;
pub(crate) mod forge;
pub(crate) mod lint;
pub(crate) mod login;
pub(crate) mod logs;
pub(crate) mod master_key;
pub(crate) mod member;
pub(crate) mod notice;
pub(crate) mod registry;
pub(crate) mod rerun;
pub(crate) mod restore;
pub(crate) mod run;
pub(crate) mod runs;
pub(crate) mod schema;
pub(crate) mod secret;
pub(crate) mod server;
pub(crate) mod service;
pub(crate) mod shell;
pub(crate) mod show;
pub(crate) mod target;
pub(crate) mod token;
pub(crate) mod trigger;
pub(crate) mod up;
pub(crate) mod worker;
pub(crate) mod workspace;

mod input;
mod pages;
