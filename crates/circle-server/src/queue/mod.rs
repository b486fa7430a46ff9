//! The ready view: which runs wait, in what order they go, and to whom they are offered.
//!
//! All of it is in memory and rebuilt from the store at start and by period; a claim is decided by the store's
//! compare-and-swap, never by this view. The order is `circle_core::queue`'s: fair among workspaces, then services, within
//! the limits of each. Nothing ticks: whatever frees a cell or makes a run ready calls [`Queue::dispatch`].

mod entry;
mod history;
mod hosts;
mod offers;
mod questions;
mod shared;
mod view;
#[cfg(test)]
mod view_tests;
mod waiting;
mod workers;

pub(crate) use entry::{Due, Entry};
pub(crate) use history::REMEMBERED_RUNS;
pub(crate) use hosts::{HostPlaces, Post};
pub(crate) use questions::Questions;
pub(crate) use shared::Queue;
pub(crate) use workers::{Coming, Stream};
