//! The harness of the stories: a whole Circle of real processes beside real servers, spoken to as a developer does.
//!
//! A story reads as a conversation: make a service, push, wait until something holds, look. Nothing is replaced: the
//! binary `circle` is started as server and worker, git is pushed to, cells are made, images go to a registry, a Swarm
//! serves. Stories wait on conditions and fail with the last state that they saw.

mod audit;
pub mod calls;
mod circle;
mod daemons;
mod debris;
mod disks;
mod files;
mod images;
mod laptop;
mod lent;
mod moment;
mod private;
mod program;
mod remains;
mod run;
mod said;
mod scan;
mod service;
mod tap;
mod until;

pub use audit::{AuditReport, AuditWish, ProcessLook, SoakLook, audit};
pub use circle::{Circle, Options};
pub use debris::{Debris, Scope};
pub use images::image;
pub use laptop::{Laptop, Ran, says};
pub use lent::Lent;
pub use moment::Moment;
pub use private::Private;
pub use program::program;
pub use run::StoryRun;
pub use said::Said;
pub use scan::files_with;
pub use service::StoryService;
pub use tap::{Tap, Taps};
pub use until::until;
