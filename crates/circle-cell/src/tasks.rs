//! Background tasks that end by themselves, and the wait for them.

use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;
use tokio::task::JoinSet;

/// Tasks of one owner. They are aborted with it at the latest.
#[derive(Debug)]
pub(crate) struct Tasks {
    set: Mutex<JoinSet<()>>,
    alive: watch::Sender<usize>,
}

impl Default for Tasks {
    fn default() -> Self {
        Self {
            set: Mutex::default(),
            alive: watch::Sender::new(0),
        }
    }
}

impl Tasks {
    /// Runs a task; outside a runtime nothing can run, and nothing does.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let counted = Counted::new(&self.alive);
        let mut set = self.set.lock().unwrap_or_else(PoisonError::into_inner);
        while set.try_join_next().is_some() {}
        set.spawn_on(
            async move {
                let _counted = counted;
                task.await;
            },
            &runtime,
        );
    }

    /// Waits until no task is left.
    pub(crate) async fn all_done(&self) {
        // The sender lives as long as this.
        let _ = self.alive.subscribe().wait_for(|alive| *alive == 0).await;
    }
}

/// One living task.
struct Counted(watch::Sender<usize>);

impl Counted {
    fn new(alive: &watch::Sender<usize>) -> Self {
        alive.send_modify(|alive| *alive += 1);
        Self(alive.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.send_modify(|alive| *alive -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::Tasks;

    #[tokio::test]
    async fn the_wait_is_for_all_of_them() {
        let tasks = Tasks::default();
        tasks.all_done().await;
        let (go, going) = tokio::sync::oneshot::channel::<()>();
        tasks.spawn(async move { going.await.expect("told to go") });
        tasks.spawn(async {});
        let waited = tokio::time::timeout(std::time::Duration::from_millis(20), tasks.all_done()).await;
        assert!(waited.is_err(), "a task was not waited for");
        go.send(()).expect("the task waits");
        tasks.all_done().await;
    }
}
