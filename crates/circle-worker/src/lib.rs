//! What Circle does: takes runs from a server, executes their stages in cells, tells what happens.
//!
//! Promises: a run has a cell of its own; every text is masked before it leaves; a line of output reaches the server
//! within a fraction of a second; a lost lease kills the cell; a server that is away only delays what is told.
//! Absences: no credential of a target or a forge; no decision about what a run may do beyond what its plan says.

mod build;
mod config;
mod engine;
mod error;
mod execute;
mod filter;
mod machine;
mod outputs;
mod provider;
mod push_names;
mod server;
mod sink;
mod stages;
mod work;

pub use config::{ProxySettings, WorkerConfig};
pub use error::WorkerError;
pub use execute::{Around, End, Traces, execute};
pub use machine::{Machine, warm_cells};
pub use provider::{ProviderChoice, ProviderChoiceError};
pub use sink::{Sink, SinkError};
pub use work::{Executor, PartEnd, cells, try_out, work, work_with};
