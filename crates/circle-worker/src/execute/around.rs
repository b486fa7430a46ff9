//! What an execution has beside its assignment and its cell.

use std::sync::Arc;

use circle_cell::probe::is_memory_short;

use super::traces::Traces;
use crate::Sink;

/// Whom an execution tells, what it notes down, and how it looks at its machine.
#[derive(Debug, Clone)]
pub struct Around {
    /// Is told everything.
    pub sink: Arc<dyn Sink>,
    /// Takes note of what is worth keeping of the cell.
    pub traces: Arc<Traces>,
    /// Says whether the machine's memory is so short that nothing is started before its turn.
    pub is_memory_short: fn() -> bool,
    /// Sentences on the run's cell, with which the log of the first stage begins.
    pub notes: Vec<String>,
}

impl Around {
    /// On this machine, with nothing to note.
    pub fn new(sink: Arc<dyn Sink>) -> Self {
        Self {
            sink,
            traces: Arc::default(),
            is_memory_short,
            notes: Vec::new(),
        }
    }
}
