//! Ports that fail on purpose, for tests of what stands above them.
//!
//! A [`Plan`] counts calls by the name of the operation and says what happens to the nth: it fails before it took
//! effect, it fails after it took effect (the answer was lost), or it waits until the test lets it go. Product code has
//! no hooks for tests: the decorators stand around the real adapters.

mod leases;
mod logs;
mod plan;
mod store;

pub use leases::FaultyLeases;
pub use logs::FaultyLogs;
pub use plan::{Fault, How, Plan};
pub use store::FaultyStore;
