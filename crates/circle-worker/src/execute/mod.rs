//! The execution of one part of a run in a cell: its stages, one after the other.

mod ahead;
mod around;
mod bounds;
mod caches;
mod container;
mod context;
mod flow;
mod images;
mod job;
mod log;
mod making;
mod masks;
mod network;
mod own;
mod own_containers;
mod phases;
mod ready;
mod rights;
mod scene;
mod shell;
mod sidecar;
mod surroundings;
mod traces;
mod volumes;
mod walk;

pub use around::Around;
pub(crate) use scene::Scene;
pub use traces::Traces;
pub use walk::{End, execute};
pub(crate) use walk::{execute_and_keep, human};

pub(crate) use container::{ContainerSettings, Network, STAGE_LABEL, WORKSPACE};
pub(crate) use context::{Carried, Shared, StageRun, cell_failure};
pub(crate) use images::encoded;
pub(crate) use job::{JobEnd, JobPlace, PreparedJob, engine_agrees, prepare_job, run_job};
pub(crate) use log::{Group, LogStream, StageLog};
pub(crate) use network::{STAGE_NETWORK, stage_network};
pub(crate) use phases::Phase;
pub(crate) use shell::serve_shell;
pub(crate) use sidecar::Sidecars;
pub(crate) use surroundings::proxy_variables;
pub(crate) use traces::Left;
pub(crate) use volumes::leads_out;
