//! Deployments: what a run's deploy section comes to on real targets, executed here because only the server holds the
//! credentials of targets.
//!
//! [`Deployer`] is a reconcile loop over the decisions of `circle_core::deployment`; [`Target`] is the port to what runs
//! services, [`swarm`] its first adapter. Promises: the intent is stored before a target hears of it; two deployments of
//! one workload take turns; a crash at any point is mended by looking at the target again; only recorded digests are
//! gone back to; a target's credentials reach no job.
//!
//! Absences: nothing is inferred from logs; no tag is resolved here; a target that does not answer is waited for, not
//! worked around. One server drives deployments at a time.

mod credentials;
mod drive;
mod engine;
mod finish;
mod look;
mod planning;
mod port;
mod record;
mod seal;
pub mod swarm;
mod turn;
mod verify;
mod wiring;

pub use engine::{Connect, Connecting, Deployer, DeployerParts, Tell};
pub use port::{Change, Creation, RegistryLogin, Restoration, Sight, Sighting, Target, TargetError, TargetFacts};
pub use record::WorkloadRecord;
pub(crate) use seal::renew;
pub(crate) use wiring::of_server;
