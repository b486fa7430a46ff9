//! Images built by the engine's BuildKit: a session of our own for secrets and credentials, the context as a stream, the
//! progress as groups of the log.

mod context;
mod dockerfile;
mod ignore;
mod image;
mod progress;
mod read;
mod session;

pub(crate) use dockerfile::sets_a_command;
pub(crate) use image::build_image;
