//! One suite a port: what every adapter must do, so that two adapters cannot come to differ.
//!
//! An adapter's test brings a [`Fixture`] and calls [`run`] with the suite's `CASES`. Cases panic with a sentence; `run`
//! goes through all of them and then fails with the names of those that did.

pub mod blobs;
mod fixture;
pub mod leases;
mod leases_restart;
pub mod logs;
mod logs_follow;
mod logs_read;
pub mod records;
mod records_find;
mod records_races;
mod samples;

pub use fixture::{Case, Fixture, run};
