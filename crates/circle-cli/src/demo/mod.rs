//! `circle demo`: the whole main path on this machine, from a push to a deployed service, with nothing replaced.
//!
//! It starts a registry, a git server, a one-node Swarm and Circle itself in a folder of its own, plays three chapters
//! (a good version, a bad one that is rolled back, a cancelled one) and takes everything down again, unless told to keep
//! it. Whatever goes wrong, what it started ends with it.

mod command;
mod files;
mod machine;
mod story;
mod table;
mod telling;

pub(crate) use command::{DemoArgs, demo};
