//! How many cells a pool keeps.

use std::time::Duration;

use crate::CellSpec;

/// A root that two runs began from within this time is one that the next run will want as well.
const FREQUENT: Duration = Duration::from_secs(30 * 60);
/// A cell that was started for a run that did not come is of no use after this.
const PREPARED: Duration = Duration::from_secs(60);

/// How many cells a pool keeps, and what they are like.
#[derive(Debug, Clone)]
pub struct PoolConfig {
    /// How many cells stand ready ahead of demand. 0: each is started when it is asked for.
    pub warm: usize,
    /// How many cells of other roots stand ready beside them: those that runs often begin from.
    pub warm_roots: usize,
    /// How many cells are given out at the same time, at least 1; further takers wait in the order of their asking.
    pub max: usize,
    /// What each cell is like, while there is no base: its root is replaced by the base, and by the root that a taker
    /// wishes for, which have the images already.
    pub spec: CellSpec,
    /// Two runs within this time make a root one that stands ready.
    pub frequent: Duration,
    /// How long a cell that was started early waits for its run.
    pub prepared: Duration,
}

impl PoolConfig {
    /// A pool of cells that are all alike.
    pub fn new(warm: usize, max: usize, spec: CellSpec) -> Self {
        Self {
            warm,
            warm_roots: 0,
            max,
            spec,
            frequent: FREQUENT,
            prepared: PREPARED,
        }
    }
}
