//! How urgent a run is.

use serde::{Deserialize, Serialize};

use crate::ids::RunId;

/// By so much earlier than it did a run of the next higher priority counts as come, in milliseconds: one hour. Longer than
/// an ordinary queue, so that something urgent goes at once; shorter than the wait in the queue, so that what is not
/// urgent still gets its turn.
pub const HEAD_START_MS: i64 = 3_600_000;

/// How urgent a run is within its workspace; it takes nothing from other workspaces.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// An hour before what is ordinary.
    High,
    /// Ordinary.
    #[default]
    Normal,
    /// An hour behind it.
    Low,
}

impl Priority {
    /// All of them, most urgent first.
    pub const ALL: [Self; 3] = [Self::High, Self::Normal, Self::Low];

    /// The number in a run's document: smaller goes first, 0 is ordinary.
    pub fn number(self) -> i64 {
        match self {
            Self::High => -1,
            Self::Normal => 0,
            Self::Low => 1,
        }
    }

    /// The priority that a document's number means.
    pub fn of_number(number: i64) -> Self {
        match number {
            ..0 => Self::High,
            0 => Self::Normal,
            1.. => Self::Low,
        }
    }

    /// When a run counts as come.
    pub(super) fn order(self, created_ms: i64, run: RunId) -> Order {
        Order {
            at_ms: created_ms.saturating_add(self.number() * HEAD_START_MS),
            run,
        }
    }
}

/// The place of a run among those of its service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Order {
    pub(super) at_ms: i64,
    pub(super) run: RunId,
}
