//! What runs leave behind: nothing that was not there before.

use std::time::Duration;

use anyhow::Result;

use crate::debris::{Debris, Scope};
use crate::{Circle, until};

/// A cell is dead at once; what it was made of is removed a moment later.
const GONE_LIMIT: Duration = Duration::from_secs(20);
/// How much of the worker's log is quoted, in characters.
const QUOTE_CHARS: usize = 2_000;

impl Circle {
    /// Waits until the machine carries nothing of this worker beyond what it did at an earlier look.
    ///
    /// # Errors
    /// When something stays; with the end of what the worker said.
    pub async fn carries_nothing_beyond(&self, before: &Debris) -> Result<()> {
        until("nothing more is there than before", GONE_LIMIT, || async {
            let now = self.debris_in(Scope::Worker).map_err(|error| error.to_string())?;
            let left = now.beyond(before);
            if left.is_empty() {
                return Ok(());
            }
            let log = self.worker_log();
            let from = log.char_indices().rev().nth(QUOTE_CHARS).map_or(0, |(place, _)| place);
            Err(format!("{left:#?}; the worker said: {}", &log[from..]))
        })
        .await
    }

    /// Ends the worker, and waits until the machine carries nothing of it any more.
    ///
    /// # Errors
    /// When something stays.
    pub async fn leaves_nothing(&mut self) -> Result<()> {
        self.stop_worker().await?;
        self.carries_nothing_beyond(&Debris::none()).await
    }
}
