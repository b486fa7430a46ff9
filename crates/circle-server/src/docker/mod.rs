//! A Docker engine elsewhere, spoken to in its own HTTP API with raw JSON: what a typed client does not know, it would drop.
//!
//! Promises: a client certificate is sent to its engine only, no redirect is followed, no proxy of the environment is used,
//! every answer is read up to a bound. What an answer means is the caller's business: [`Fault`] says what came.

mod calls;
mod endpoint;
mod judged;
mod place;

pub(crate) use calls::Fault;
pub(crate) use endpoint::Docker;
pub(crate) use judged::Judged;
pub(crate) use place::Place;
