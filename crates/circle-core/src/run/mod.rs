//! One execution of a service's pipeline: the document, its states, and the only function that changes them.

mod apply;
mod bound;
mod event;
mod log_meter;
mod record;
mod report;
mod state;

pub use apply::{ApplyError, Outcome};
pub use bound::{CellBounds, DiskLeft, Evidence, binary, speaks_of_room};
pub use event::{RunEvent, WorkerEvent};
pub use log_meter::{LogBounds, LogMeter, Metered};
pub use record::{
    BuiltImage, Cancel, CancelCause, Part, PartState, Phases, Rerun, Run, StageRecord, StageState, StoredOutput,
};
pub use report::{Report, Status, StatusWord};
pub use state::{Failure, FailureKind, RunState, Verdict};
