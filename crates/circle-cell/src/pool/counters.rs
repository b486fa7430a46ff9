//! What a pool did so far.

use serde::Serialize;

/// What a pool has and what it did since it was made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PoolCounters {
    /// Cells that stand ready.
    pub ready: usize,
    /// Cells that are being started.
    pub starting: usize,
    /// Cells that are given out.
    pub in_use: usize,
    /// Takers that wait for a cell.
    pub waiting: usize,
    /// Cells that were started.
    pub started: u64,
    /// Cells that were given out at once, since one stood ready.
    pub taken_warm: u64,
    /// Cells that a taker had to wait for.
    pub taken_cold: u64,
    /// Cells that died while they stood ready.
    pub died_ready: u64,
    /// Starts that failed.
    pub failed: u64,
    /// Why the last failed start failed; empty again after a good one.
    pub last_failure: Option<String>,
}
