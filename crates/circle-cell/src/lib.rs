//! Where a run is isolated: a cell is a Docker daemon of its own in namespaces and cgroups of its own, destroyed as a
//! whole when its run ends.
//!
//! Promises: a killed cell leaves no process, mount, link, rule, cgroup or file; a cell sees nothing of its host and
//! nothing of another cell; what a crash left is found by names that only its provider uses.
//! Absences: no other crate touches namespaces, mounts or cgroups, and no other crate has `unsafe` code; nothing here
//! knows of runs, stages or servers.

mod carrier;
mod cell;
mod cidr;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod container;
mod ending;
mod engine;
mod error;
mod exec;
pub mod gate;
mod id;
pub mod init;
pub mod pool;
mod port;
pub mod probe;
pub mod process;
mod remove;
mod roots;
pub mod shared;
mod spec;
mod storage;
mod surroundings;
mod sys;
mod tasks;
mod view;

pub use cell::{BoundsHit, Cell, Death, DiskLeft, Killed, Killer, Owner, StartTimings};
pub use cidr::{Cidr, CidrError};
pub use error::CellError;
pub use exec::{Exit, InCell, InCellChild, Sight};
pub use id::{CellId, CellIdError};
pub use port::{CellProvider, Described, Swept};
pub use roots::{KeptRoot, NotPromoted, Promoted, Promotion, RootName, RootNameError, RootStamp, RootTally};
pub use spec::{CellSpec, Limits, Relay, RelayError, Root};
pub use storage::{Keeps, StorageChoice, StorageFacts, foresee as foresee_storage};
pub use surroundings::{Proxy, Surroundings};
pub(crate) use view::is_plain_name;
pub use view::{Folder, Layer, PartOfView, View};
