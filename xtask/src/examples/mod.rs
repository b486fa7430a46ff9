//! `cargo xtask examples`: repositories with a `caicloud.yml`, ours and those of others.
//!
//! The clone holds only what Circle adds to a foreign project: its pipeline file, its Dockerfile, and where the source is to be had.
//! Sources are fetched by the ordinary clients when an example is assembled, and lie in the cache folder.

mod assemble;
mod command;
mod fetch;
mod play;
mod source;

pub(crate) use command::run;
