//! Running the suite.

use std::fmt::Debug;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use crate::{Cell, CellProvider, CellSpec};

/// How long a case may take on a busy machine.
const CASE_LIMIT: Duration = Duration::from_secs(180);
/// How long a condition may take to come true.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a provider's test brings along.
#[async_trait]
pub trait Fixture: Send + Sync {
    /// Opens a provider with a state of its own; called more than once.
    async fn open(&self) -> Arc<dyn CellProvider>;

    /// A Docker archive with `busybox:test`: `sh` and the usual programs in `/bin`.
    fn image(&self) -> PathBuf;

    /// What is there of the provider's cells, living or dead, by name: containers, processes, mounts, folders. Empty when
    /// there is nothing of any.
    async fn remains(&self, provider: &dyn CellProvider) -> Vec<String>;

    /// Kills the daemon behind a cell, as a crash of it would. The fixture is not used afterwards.
    async fn kill_daemon(&self, cell: &Cell);
}

impl Debug for Ground {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Ground")
            .field("provider", &self.provider)
            .finish_non_exhaustive()
    }
}

/// One fixture with a provider, for one case.
pub struct Ground {
    /// What the test brought.
    pub fixture: Box<dyn Fixture>,
    /// A provider of the fixture's.
    pub provider: Arc<dyn CellProvider>,
}

/// A case: its name and what it does.
#[derive(Debug)]
pub struct Case {
    /// Reads as a sentence.
    pub name: &'static str,
    /// Panics when the provider does not do what it must.
    pub run: for<'a> fn(&'a Ground) -> LocalBoxFuture<'a, ()>,
}

impl Case {
    pub(super) const fn new(name: &'static str, run: for<'a> fn(&'a Ground) -> LocalBoxFuture<'a, ()>) -> Self {
        Self { name, run }
    }
}

/// Runs every case on a ground of its own and panics with the names of those that failed.
pub async fn run<F, M>(cases: &[Case], make: M)
where
    F: Fixture + 'static,
    M: AsyncFn() -> F,
{
    let mut failed = Vec::new();
    for case in cases {
        let fixture = make().await;
        let provider = fixture.open().await;
        let ground = Ground {
            fixture: Box::new(fixture),
            provider,
        };
        let outcome = AssertUnwindSafe((case.run)(&ground)).catch_unwind();
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

impl Ground {
    /// A cell that has the image.
    pub(super) async fn start(&self) -> Cell {
        self.start_with(CellSpec::default()).await
    }

    pub(super) async fn start_with(&self, spec: CellSpec) -> Cell {
        let spec = CellSpec {
            images: vec![self.fixture.image()],
            ..spec
        };
        self.provider.start(&spec).await.expect("a cell starts")
    }

    /// Nothing is left, once what is being removed is gone.
    pub(super) async fn nothing_is_left(&self) {
        until("nothing is left", async || {
            let left = self.fixture.remains(&*self.provider).await;
            (left.is_empty(), left)
        })
        .await;
    }
}

/// Waits for a condition; the last state stands in the failure's message.
pub(super) async fn until<S: Debug>(what: &str, mut look: impl AsyncFnMut() -> (bool, S)) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let (reached, state) = look().await;
        if reached {
            return;
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "waited in vain: {what}; last seen: {state:?}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
