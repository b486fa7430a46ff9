//! A Docker engine that is not a cell's own: the few questions that providers ask of it.

mod call;
mod marked;

pub(crate) use call::{Engine, EngineError, encoded};
pub(crate) use marked::Marked;
