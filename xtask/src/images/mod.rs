//! `cargo xtask images`: base images made on this machine, from its own packages, without any registry.
//!
//! Each is one `docker load`able tar in the cache folder, named after a hash of what it is made of: a change of the
//! recipe or of the packages makes a new one, and several processes may ask at once. Absent: any use of a daemon.

mod archive;
mod cached;
mod command;
mod debian;
mod layer;
mod programs;
mod recipes;

pub(crate) use archive::sha256_of_text;
pub(crate) use command::{ensure, path, run};
pub(crate) use debian::mirror as debian_mirror;
