//! The Docker engine of a cell: bollard for what it does well, plain HTTP for what it does not carry.

mod client;
mod errors;
mod lists;
mod raw;
mod reference;

pub(crate) use client::{Engine, access_for};
pub(crate) use errors::{engine_failure, sentence, start_failure, with_sources};
pub(crate) use raw::{Body, Lines, RawError, empty};
pub(crate) use reference::{Reference, is_tag};
