//! Waiting on a condition, never on time alone.

use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Between two looks.
const PERIOD: Duration = Duration::from_millis(50);

/// Looks until `look` gives `Ok(found)`; an `Err(seen)` is what was there instead, and the last one stands in the error.
///
/// # Errors
/// When the condition does not hold within `limit`.
pub async fn until<T, F, L>(what: &str, limit: Duration, mut look: L) -> Result<T>
where
    F: Future<Output = Result<T, String>>,
    L: FnMut() -> F,
{
    let start = Instant::now();
    loop {
        let seen = match look().await {
            Ok(found) => return Ok(found),
            Err(seen) => seen,
        };
        if start.elapsed() > limit {
            bail!("{what}: not within {limit:?}; last seen: {seen}");
        }
        tokio::time::sleep(PERIOD).await;
    }
}
