//! One execution of a service's pipeline: the document, its states, and the only function that changes them.

mod apply;
mod event;
mod record;
mod state;

pub use apply::{ApplyError, Outcome};
pub use event::{RunEvent, WorkerEvent};
pub use record::{
    BuiltImage, Cancel, CancelCause, Part, PartState, Phases, Rerun, Run, StageRecord, StageState, StoredOutput,
};
pub use state::{Failure, FailureKind, RunState, Verdict};
