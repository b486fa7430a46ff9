//! Waiting on a condition, with what was seen last in the message.

use std::fmt::Debug;
use std::future::Future;
use std::time::{Duration, Instant};

/// Long enough for a busy machine; a condition that holds is seen within milliseconds.
const LIMIT: Duration = Duration::from_secs(30);

/// Looks until something fits; panics with the last thing seen.
pub(crate) async fn until<T, F>(what: &str, mut look: impl FnMut() -> F, fits: impl Fn(&T) -> bool) -> T
where
    T: Debug,
    F: Future<Output = T>,
{
    let began = Instant::now();
    loop {
        let seen = look().await;
        if fits(&seen) {
            return seen;
        }
        assert!(
            began.elapsed() < LIMIT,
            "waited {LIMIT:?} for {what}; last seen: {seen:#?}"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
