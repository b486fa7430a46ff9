//! What Circle means: ids, the pipeline file, plans, runs, environments, deployments.
//!
//! Pure by rule: nothing here waits, reads a clock, rolls dice or touches a file; times and ids are passed in.
//! `make check` refuses an async function or an I/O dependency in this crate.

pub mod deployment;
pub mod environment;
pub mod expand;
pub mod forge;
pub mod ids;
pub mod inputs;
pub mod mask;
pub mod members;
pub mod names;
pub mod nested;
pub mod network;
pub mod notice;
pub mod pipeline;
pub mod plan;
pub mod poll;
pub mod pulls;
pub mod queue;
pub mod rights;
pub mod roots;
pub mod run;
pub mod scan_floor;
pub mod schedule;
pub mod secret_limits;
pub mod service;
pub mod serving;
pub mod trigger;
