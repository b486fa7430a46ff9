//! A short debris audit: one of each disturbance; `make audit` does many.

use anyhow::Result;
use circle_test::{AuditWish, Scope, audit};

#[tokio::test]
async fn the_machine_is_as_before_whatever_was_done_to_the_runs() -> Result<()> {
    let wish = AuditWish {
        runs: 6,
        soak: 0,
        scope: Scope::Worker,
    };
    let mut told = Vec::new();
    let report = audit(wish, |line| told.push(line.to_owned())).await?;
    assert_eq!((report.workers_killed, report.cancelled), (1, 2), "{told:#?}");
    assert!(report.daemons_killed >= 1, "{told:#?}");
    Ok(())
}
