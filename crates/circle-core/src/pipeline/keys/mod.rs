//! The one table of the grammar's keys. The parser, the JSON Schema and the reference are all made from it, so none
//! of them can drift from the others.

mod build;
mod container;
mod deploy;
mod file;
mod foreign;
mod inputs;
mod kind;
mod stages;
mod triggers;

pub(super) use build::{BUILD, IMAGE};
pub(super) use container::{CACHE, HTTP, READY, RESOURCES, RETRY, SECRET, SIDECAR};
pub(super) use deploy::{DEPLOY, VERIFY};
pub(super) use file::FILE;
pub(super) use foreign::{foreign, synonym};
pub(super) use inputs::INPUT;
pub(super) use kind::{Key, Kind, Section, Status};
pub(super) use stages::{INTEGRATION, JOB, OUTPUT, POST_BUILD, PRE_BUILD};
pub(super) use triggers::{CONCURRENCY, TRIGGER};
