//! The gate: a small static program in each stage's container that runs the stage's commands and says on a pipe what
//! happened, in order.

mod channel;
mod error;
mod event;
mod install;
mod orders;
mod parse;
mod write;

pub use channel::GateChannel;
pub use error::GateError;
pub use event::{GateEvent, List, Stream};
pub use install::install;
pub(crate) use install::{TIDY_PROGRAM, TIDY_WORD, tidy_image};
pub use orders::{Orders, Shell, Work};

/// Where the gate's folder (made by [`install`]) is bound read-only in a container.
pub const PROGRAM_FOLDER: &str = "/.circle/bin";
/// The container's entrypoint.
pub const ENTRYPOINT: &str = "/.circle/bin/gate";
/// Where the channel's folder is bound, writable, in a container.
pub const CHANNEL_FOLDER: &str = "/.circle/io";
