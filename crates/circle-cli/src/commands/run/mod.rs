//! `circle run`: the pipeline on this machine's own engine, from the working tree, without a server.

mod assignment;
mod command;
mod engine;
mod secrets;
mod terminal;
mod tree;

pub(in crate::commands) use command::pair;
pub(crate) use command::{RunArgs, run};
