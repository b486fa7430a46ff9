//! A target that counts what changes it, and that can die before or after any call: what a crash of the engine is.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use circle_server::deploy::{Change, Creation, Restoration, Sight, Target, TargetError, TargetFacts};
use futures_util::future::BoxFuture;
use tokio::sync::Notify;

/// Counts, and the one moment at which everything stops.
#[derive(Debug)]
pub(crate) struct Counted {
    inner: Arc<dyn Target>,
    pub(crate) tally: Arc<Tally>,
}

/// What happened, kept over crashes.
#[derive(Default)]
pub(crate) struct Tally {
    /// Calls that reached the target, reads included.
    pub(crate) calls: AtomicUsize,
    /// Writes that the target took.
    pub(crate) creates: AtomicUsize,
    pub(crate) applies: AtomicUsize,
    pub(crate) reverts: AtomicUsize,
    /// The moment of the crash: this call, before or after it reached the target.
    crash: Mutex<Option<(usize, When)>>,
    /// Told when the moment has come.
    pub(crate) crashed: Notify,
    /// Done once, right before the first write.
    before_write: Mutex<Option<Deed>>,
}

type Deed = Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send>;

/// On which side of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    Before,
    After,
}

impl std::fmt::Debug for Tally {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (creates, applies, reverts) = self.writes();
        write!(out, "{creates} creates, {applies} applies, {reverts} reverts")
    }
}

impl Tally {
    /// Creates, applies, reverts.
    pub(crate) fn writes(&self) -> (usize, usize, usize) {
        let read = |count: &AtomicUsize| count.load(Ordering::SeqCst);
        (read(&self.creates), read(&self.applies), read(&self.reverts))
    }

    pub(crate) fn crash_at(&self, call: usize, when: When) {
        self.calls.store(0, Ordering::SeqCst);
        *self.crash.lock().expect("no panic") = Some((call, when));
    }

    pub(crate) fn never_crash(&self) {
        *self.crash.lock().expect("no panic") = None;
    }

    pub(crate) fn before_write(&self, deed: Deed) {
        *self.before_write.lock().expect("no panic") = Some(deed);
    }

    /// Never returns at the moment of the crash.
    async fn pass(&self, call: usize, when: When) {
        let now = *self.crash.lock().expect("no panic") == Some((call, when));
        if now {
            self.crashed.notify_one();
            std::future::pending::<()>().await;
        }
    }

    async fn deed(&self) {
        let deed = self.before_write.lock().expect("no panic").take();
        if let Some(deed) = deed {
            deed().await;
        }
    }
}

impl Counted {
    pub(crate) fn new(inner: Arc<dyn Target>, tally: Arc<Tally>) -> Self {
        Self { inner, tally }
    }

    async fn around<T: Send>(
        &self,
        call: impl Future<Output = Result<T, TargetError>> + Send,
        taken: Option<&AtomicUsize>,
    ) -> Result<T, TargetError> {
        let number = self.tally.calls.fetch_add(1, Ordering::SeqCst);
        self.tally.pass(number, When::Before).await;
        if taken.is_some() {
            self.tally.deed().await;
        }
        let answer = call.await;
        if let (Some(count), Ok(_)) = (taken, &answer) {
            count.fetch_add(1, Ordering::SeqCst);
        }
        self.tally.pass(number, When::After).await;
        answer
    }
}

#[async_trait]
impl Target for Counted {
    async fn probe(&self) -> Result<TargetFacts, TargetError> {
        self.inner.probe().await
    }

    async fn observe(&self, workload: &str) -> Result<Sight, TargetError> {
        self.around(self.inner.observe(workload), None).await
    }

    async fn create(&self, wish: &Creation<'_>) -> Result<(), TargetError> {
        self.around(self.inner.create(wish), Some(&self.tally.creates)).await
    }

    async fn apply(&self, wish: &Change<'_>) -> Result<(), TargetError> {
        self.around(self.inner.apply(wish), Some(&self.tally.applies)).await
    }

    async fn revert(&self, wish: &Restoration<'_>) -> Result<(), TargetError> {
        self.around(self.inner.revert(wish), Some(&self.tally.reverts)).await
    }

    async fn diagnose(&self, workload: &str) -> Result<Vec<String>, TargetError> {
        self.inner.diagnose(workload).await
    }

    async fn addresses(&self, workload: &str) -> Result<Vec<String>, TargetError> {
        self.inner.addresses(workload).await
    }
}
