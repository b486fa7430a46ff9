//! Running a suite.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

/// How long a case may take; on a busy machine most take far below a second.
const CASE_LIMIT: Duration = Duration::from_secs(60);

/// A place of its own for the data of one case, empty at first.
#[async_trait]
pub trait Fixture<P>: Send + Sync {
    /// Opens it; called again only after everything from before was dropped, and then finds the same data.
    async fn open(&self) -> P;
}

/// A case: its name and what it does.
#[derive(Debug)]
pub struct Case<P> {
    /// Reads as a sentence.
    pub name: &'static str,
    /// Panics when the adapter does not do what it must.
    pub run: for<'a> fn(&'a dyn Fixture<P>) -> BoxFuture<'a, ()>,
}

/// Runs every case in a fixture of its own and panics with the names of those that failed.
pub async fn run<P, F, M>(cases: &[Case<P>], make: M)
where
    F: Fixture<P>,
    M: Fn() -> F,
{
    let mut failed = Vec::new();
    for case in cases {
        let fixture = make();
        let outcome = AssertUnwindSafe((case.run)(&fixture)).catch_unwind();
        match tokio::time::timeout(CASE_LIMIT, outcome).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => failed.push(case.name.to_owned()),
            Err(_) => failed.push(format!("{} (not done after {CASE_LIMIT:?})", case.name)),
        }
    }
    assert!(
        failed.is_empty(),
        "{} of {} cases failed: {}",
        failed.len(),
        cases.len(),
        failed.join(", ")
    );
}
