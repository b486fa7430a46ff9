//! The embedded adapter: append-only files, a sparse index, compressed when the run ends.
//!
//! ```text
//! <folder>/lock
//! <folder>/live/<run>/0000.log    one stream: frames with a checksum each, appended and synced
//! <folder>/live/<run>/0000.idx    every 64 KiB of it: byte offset, line number, place in the file
//! <folder>/live/<run>/marks       the marks of all streams, frames too
//! <folder>/live/<run>/closed      there once nothing may be appended
//! <folder>/done/<xx>/<run>/0000.zlog   blocks of 256 KiB, each compressed by itself, with the index behind them
//! ```
//!
//! An append writes the bytes, syncs, writes the marks, syncs, and only then answers; a crash between leaves a tail that
//! was never acknowledged, and what of it is torn is cut off when the store opens. The index is written after the sync
//! and never believed beyond it: what is missing of it is built again. Nothing about a stream is held in memory but
//! its length; no file stays open between calls.

mod append;
mod follow;
mod frame;
mod index;
mod io_error;
mod layout;
mod load;
mod logs;
mod marks;
mod pack;
mod plan;
mod read;
mod repair;
mod source;
mod state;
mod still;

pub use logs::{EmbeddedLogs, LogOpenError, UnfinishedRun};
pub use still::{LogFile, StillLogs};
