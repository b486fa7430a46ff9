//! The lease port: who may act on a name now, and a number that tells an old holder from the new one.
//!
//! A lease is only a reason to believe; the fence is the proof. What a holder writes carries its fence, and the
//! compare-and-swap that takes it in compares the fence with the one in the document.

mod embedded;
mod port;

pub use embedded::EmbeddedLeases;
pub use port::{Acquire, Fence, LEASE_NAME_BYTES, LIST_LIMIT, Lease, LeaseError, Leases, MAX_TTL_MS};
