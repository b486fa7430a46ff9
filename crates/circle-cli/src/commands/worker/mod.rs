//! `circle worker`: the worker's process, and what an administrator does with workers.

mod admin;
mod command;
mod join;
mod plain_http;
mod process;
mod provider;
mod storage;
mod surroundings;

pub(crate) use command::{WorkerArgs, worker};
pub(crate) use process::WorkerFlags;
