//! The port itself.

use std::fmt::{self, Debug};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

/// The longest lease, in milliseconds: one day. A holder that cannot renew within a day is gone.
pub const MAX_TTL_MS: i64 = 24 * 60 * 60 * 1000;
/// The longest name of a lease or a holder, in bytes.
pub const LEASE_NAME_BYTES: usize = 300;
/// The most leases that one listing returns.
pub const LIST_LIMIT: usize = 10_000;

/// Grows with every acquisition, over all names and over restarts; never given twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fence(pub u64);

impl fmt::Display for Fence {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.0)
    }
}

/// A name that is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// What is held.
    pub name: String,
    /// By whom.
    pub holder: String,
    /// The proof.
    pub fence: Fence,
    /// Until when, in milliseconds of the server's clock, unless renewed.
    pub until_ms: i64,
}

/// A wish to hold a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acquire {
    /// What to hold: 1 to [`LEASE_NAME_BYTES`] bytes.
    pub name: String,
    /// Who wants it.
    pub holder: String,
    /// For how long without renewal, 1 to [`MAX_TTL_MS`].
    pub ttl_ms: i64,
}

/// Why a lease was not given or kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LeaseError {
    /// Somebody else holds it: wait until then, or for a release.
    #[error("{} is held by {}", .0.name, .0.holder)]
    Held(Box<Lease>),
    /// The fence is not the current one: stop acting on the name.
    #[error("the lease on {name} was lost")]
    Lost {
        /// What was held.
        name: String,
    },
    /// The call itself is wrong: a mistake in the program.
    #[error("leases were asked wrongly: {reason}")]
    Invalid {
        /// What is wrong with it.
        reason: String,
    },
    /// Try again later; an acquisition may or may not have taken effect (the same holder may simply acquire again).
    #[error("leases cannot be given now: {reason}")]
    Unavailable {
        /// What is in the way.
        reason: String,
    },
}

/// Leases with fences. Times are the caller's, in milliseconds; adapters read no clock.
///
/// What every adapter promises, and `conformance::leases` checks:
///
/// - Of many who acquire one free name, one gets it.
/// - A fence is larger than every fence given before, for any name, also after a restart.
/// - The same holder may acquire again and gets a new fence; its older fence is lost. So an acquisition whose answer
///   was lost can be repeated.
/// - A lease past its time stays its holder's until somebody acquires it: renewing late is allowed as long as nobody did.
/// - After a restart every lease that was held lives at least its whole time again, counted from the first `now_ms`
///   that is heard: renewals need not be durable, and holders get the chance to come back.
/// - What is released survives `kill -9`, and so does what is acquired as soon as anything was written after it through the
///   store beside it: who acts on a lease outside Circle writes down first that it does. What is renewed need not survive.
#[async_trait]
pub trait Leases: Send + Sync + Debug {
    /// Takes a name that is free, past its time, or already the holder's.
    async fn acquire(&self, wish: Acquire, now_ms: i64) -> Result<Lease, LeaseError>;

    /// Holds it for `ttl_ms` from now; never shortens it. Cheap: meant to be called every few seconds by everybody.
    async fn renew(&self, name: &str, fence: Fence, ttl_ms: i64, now_ms: i64) -> Result<Lease, LeaseError>;

    /// Gives it back; releasing what was lost is [`LeaseError::Lost`] and harmless.
    async fn release(&self, name: &str, fence: Fence) -> Result<(), LeaseError>;

    /// Leases past their time that nobody took since, earliest end first, at most [`LIST_LIMIT`].
    async fn expired(&self, now_ms: i64) -> Result<Vec<Lease>, LeaseError>;

    /// Who holds the name, also if past its time.
    async fn current(&self, name: &str) -> Result<Option<Lease>, LeaseError>;

    /// Who holds names that begin with `prefix`, by name, at most [`LIST_LIMIT`]: capacity is counted, never stored.
    async fn held(&self, prefix: &str) -> Result<Vec<Lease>, LeaseError>;
}
