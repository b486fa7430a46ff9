//! What a gate reports.

use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;

use crate::Exit;

/// One thing that happened in a stage, in the order in which it happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GateEvent {
    /// The gate stands in its container and waits for its orders.
    Waiting,
    /// A command begins.
    CommandBegin {
        /// Which list it belongs to.
        list: List,
        /// Its place in the list, from 0.
        index: u32,
    },
    /// Bytes that the commands wrote, at most 64 KiB.
    Output {
        /// Where they were written.
        stream: Stream,
        /// Exactly what was written.
        bytes: Bytes,
    },
    /// A command ended.
    CommandEnd {
        /// Which list it belongs to.
        list: List,
        /// Its place in the list, from 0.
        index: u32,
        /// Its exit code, as the shell says it.
        exit_code: i32,
        /// How long it took.
        duration: Duration,
    },
    /// The verdict: how the shell, or the program, of the main list ended. The commands of `finally` may follow.
    Finished {
        /// How it ended.
        exit: Exit,
    },
    /// The commands could not be started at all; takes the place of `Finished`.
    Failed {
        /// One sentence.
        reason: String,
    },
    /// The gate's last word; nothing follows.
    Closed,
}

/// Which list of a stage a command stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum List {
    /// The commands that decide.
    Main,
    /// The commands that run afterwards in any case and decide nothing.
    Finally,
}

/// Where bytes were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}
