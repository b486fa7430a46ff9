//! Rights of containers beyond the ordinary ones: what a file asks for, what a workspace allows.
//!
//! One struct serves both sides. A file's wish is judged right by right against the workspace's, so a file can only narrow
//! what an administrator allowed, and a right that is new here is refused until somebody allows it.

mod asked;
mod capability;
mod host_mode;
mod security_option;

pub use asked::{Right, Rights};
pub use capability::Capability;
pub use host_mode::HostMode;
pub use security_option::SecurityOption;

/// Why a text names no right; a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoSuchRight(pub(crate) &'static str);
