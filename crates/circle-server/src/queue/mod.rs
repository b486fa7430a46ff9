//! The ready view: which runs wait, in what order they go, and to whom they are offered.
//!
//! All of it is in memory and rebuilt from the store at start and by period; a claim is decided by the store's
//! compare-and-swap, never by this view. Fair share: the workspace with the fewest active runs goes first, in it the
//! service with the fewest, in it the oldest run of the smallest priority number; ties go to who was served longest ago.
//! Nothing ticks: whatever frees a cell or makes a run ready calls [`Queue::dispatch`].

mod entry;
mod offers;
mod place;
mod ready;
#[cfg(test)]
mod ready_tests;
mod shared;
mod workers;

pub(crate) use entry::{Due, Entry, Phase};
pub(crate) use shared::Queue;
pub(crate) use workers::Stream;
