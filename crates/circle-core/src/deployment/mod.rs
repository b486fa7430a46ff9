//! One change of one workload on one target: the document, its states, and the two pure functions that move it.
//!
//! [`Deployment::decide`] looks at what the target shows and says what to do next; [`Deployment::apply`] changes the
//! document. An engine stores every event before it acts on it. So a crash at any point is mended by looking again: the
//! target shows our version (watch it), or the base (call again), or something else (somebody was there: stop).
//!
//! Promises: a call that changes a target is only ever the answer to an observation made after the intent was stored;
//! ended states are final; a rollback goes to a recorded specification with a recorded digest; a rollback is never
//! rolled back.

mod apply;
mod apply_back;
mod cancel;
mod decide;
mod decide_back;
mod event;
mod identity;
mod note;
mod observation;
mod plan;
mod record;
mod silence;
mod state;
mod verdict;
mod workload;

pub use apply::ApplyError;
pub use decide::{Call, Decision};
pub use event::DeploymentEvent;
pub use identity::{deployment_id, lock_key};
pub use note::{MAX_NOTES, Note};
pub use observation::{Observation, Rollout, Seen, Snapshot};
pub use plan::{Blocked, Planned, plan_deployments};
pub use record::{Base, Deployment, Desired, Intent, Trouble};
pub use state::{BackStep, DeploymentState, Reason, ReasonKind};
pub use verdict::run_verdict;
pub use workload::{GoodVersion, MAX_QUARANTINED, Quarantined, WorkloadState};
