//! The server's own view of a repository: a bare copy without file contents, which are fetched when they are read.
//!
//! A mirror is a cache: it may be deleted at any time, and is made anew when it is damaged or has grown too large. It
//! serves forges without an API for files: pipeline files, changed paths, titles.

mod call;
mod fetch;
mod folder;
mod open;
mod read;

pub use open::{Mirror, MirrorOptions};
