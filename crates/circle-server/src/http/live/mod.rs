//! The live WebSocket of a run, as `circle_api::live` describes it.

mod connection;
mod cursor;
mod follow;
mod permission;
mod send;
mod tickets;

pub(super) use follow::live;
pub(super) use permission::{Recheck, may_still};
pub(crate) use tickets::LiveTickets;
