//! Looks after the cells of this machine for as long as the worker lives.

use std::sync::Arc;
use std::time::Duration;

use circle_cell::CellProvider;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// How long rules that somebody flushed may be gone.
const LOOK_PERIOD: Duration = Duration::from_secs(5);
/// How long something of a dead cell that resisted its removal stays.
const SWEEP_PERIOD: Duration = Duration::from_secs(60);

/// Puts back what living cells rely on, and removes what is left of dead ones. Ends only when it is aborted.
pub(super) async fn reconcile(provider: Arc<dyn CellProvider>) {
    let mut looks = interval(LOOK_PERIOD);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut swept_at = Instant::now();
    loop {
        looks.tick().await;
        if let Err(error) = provider.look_after().await {
            tracing::warn!(%error, "what cells rely on could not be looked after; tried again in {LOOK_PERIOD:?}");
        }
        if swept_at.elapsed() < SWEEP_PERIOD {
            continue;
        }
        swept_at = Instant::now();
        match provider.sweep().await {
            Ok(swept) if swept.is_empty() => {}
            Ok(swept) => tracing::info!(?swept, "removed what was left of dead cells"),
            Err(error) => tracing::warn!(%error, "something is left of a dead cell; tried again in {SWEEP_PERIOD:?}"),
        }
    }
}
