//! How many cells a pool keeps.

use crate::CellSpec;

/// How many cells a pool keeps, and what they are like.
#[derive(Debug, Clone)]
pub struct PoolConfig {
    /// How many cells stand ready ahead of demand. 0: each is started when it is asked for.
    pub warm: usize,
    /// How many cells are given out at the same time, at least 1; further takers wait in the order of their asking.
    pub max: usize,
    /// What each cell is like.
    pub spec: CellSpec,
}
