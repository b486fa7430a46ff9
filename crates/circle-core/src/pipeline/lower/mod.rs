//! From nodes to the syntax tree. Every function takes what it can and reports the rest, so that one reading finds all.

mod build;
mod container;
mod deploy;
mod environment;
mod fields;
mod file;
mod inputs;
mod integration;
mod job;
mod mounts;
mod outputs;
mod pre_build;
mod ready;
mod rights;
mod scalar;
mod shape;
mod templates;
mod triggers;

pub(super) use file::lower_file;
