//! Shells in held cells: a person on one WebSocket, the worker that holds the cell on another, and bytes between them.
//!
//! The record of a shell is written before anybody is asked: there is no shell without its record.

pub(super) mod handlers;
mod meet;
mod pass;

pub(super) use handlers::{answer, open};
pub(crate) use meet::Meeting;
