//! Several children, started and ended in order.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::backoff::{Backoff, Next};
use super::child::{ChildSpec, Ending, live, said};
use crate::exit::Exit;

/// How patient the supervisor is.
#[derive(Debug, Clone)]
pub(crate) struct Policy {
    /// Before the first new start; doubles with each quick death.
    pub(crate) first_pause: Duration,
    pub(crate) longest_pause: Duration,
    /// A child that lived so long is steady.
    pub(crate) steady_after: Duration,
    /// A child that was never steady is given up after so many deaths.
    pub(crate) give_up_after: u32,
    /// From SIGTERM to SIGKILL.
    pub(crate) grace: Duration,
}

/// A child that does not come to stay.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the {child} does not stay up ({last}): see what it said above")]
pub(crate) struct GaveUp {
    pub(crate) child: &'static str,
    last: String,
}

/// Runs children until told to stop. Dropping it kills them.
#[derive(Debug)]
pub(crate) struct Supervisor {
    policy: Policy,
    children: Vec<(&'static str, CancellationToken)>,
    lives: JoinSet<(&'static str, Result<(), GaveUp>)>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            first_pause: Duration::from_millis(200),
            longest_pause: Duration::from_secs(30),
            steady_after: Duration::from_secs(10),
            give_up_after: 5,
            grace: Duration::from_secs(20),
        }
    }
}

impl Supervisor {
    pub(crate) fn new(policy: Policy) -> Self {
        Self {
            policy,
            children: Vec::new(),
            lives: JoinSet::new(),
        }
    }

    /// Starts a child and keeps it running.
    pub(crate) fn start(&mut self, spec: ChildSpec) {
        let stop = CancellationToken::new();
        self.children.push((spec.name, stop.clone()));
        let policy = self.policy.clone();
        self.lives
            .spawn(async move { (spec.name, keep(&spec, &policy, &stop).await) });
    }

    /// Waits until a child is given up. Never ends while all stay.
    pub(crate) async fn gave_up(&mut self) -> GaveUp {
        while let Some(ended) = self.lives.join_next().await {
            match ended {
                Ok((_, Ok(()))) => {}
                Ok((_, Err(gave_up))) => return gave_up,
                Err(error) => {
                    return GaveUp {
                        child: "supervisor",
                        last: error.to_string(),
                    };
                }
            }
        }
        std::future::pending().await
    }

    /// Ends the children, the last started first, each with its grace.
    pub(crate) async fn stop(mut self) {
        while let Some((name, stop)) = self.children.pop() {
            stop.cancel();
            while !self.lives.is_empty() {
                match self.lives.join_next().await {
                    Some(Ok((ended, _))) if ended != name => {}
                    _ => break,
                }
            }
        }
    }
}

async fn keep(spec: &ChildSpec, policy: &Policy, stop: &CancellationToken) -> Result<(), GaveUp> {
    let mut backoff = Backoff::default();
    while !stop.is_cancelled() {
        let born = Instant::now();
        let last = match live(spec, policy.grace, stop).await {
            Ok(Ending::Stopped) => return Ok(()),
            Ok(Ending::Died(status)) if status.code() == Some(i32::from(Exit::Usage.code())) => {
                return Err(GaveUp {
                    child: spec.name,
                    last: said(status),
                });
            }
            Ok(Ending::Died(status)) => said(status),
            Err(error) => format!("it cannot be started: {error}"),
        };
        match backoff.after_death(born.elapsed(), policy) {
            Next::GiveUp => return Err(GaveUp { child: spec.name, last }),
            Next::Again { after } => {
                let pause_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
                tracing::warn!(
                    child = spec.name,
                    end = last,
                    pause_ms,
                    "a child died and is started again"
                );
                tokio::select! {
                    () = tokio::time::sleep(after) => {}
                    () = stop.cancelled() => {}
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{GaveUp, Policy, Supervisor};
    use crate::supervise::ChildSpec;
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::time::Duration;
    use tempfile::TempDir;
    use tokio::time::{Instant, timeout};

    const PATIENCE: Duration = Duration::from_secs(20);

    fn quick() -> Policy {
        Policy {
            first_pause: Duration::from_millis(5),
            longest_pause: Duration::from_millis(20),
            steady_after: Duration::from_secs(30),
            give_up_after: 3,
            grace: Duration::from_millis(300),
        }
    }

    fn shell(name: &'static str, script: &str, folder: &Path) -> ChildSpec {
        let script = format!("cd {}; {script}", folder.display());
        ChildSpec {
            name,
            command: vec!["sh".into(), "-c".into(), script.into()],
            without: &["HOME"],
        }
    }

    /// Waits until the file has so many lines.
    async fn lines(path: PathBuf, count: usize) -> Vec<String> {
        let until = Instant::now() + PATIENCE;
        loop {
            let text = fs::read_to_string(&path).unwrap_or_default();
            let lines: Vec<String> = text.lines().map(str::to_owned).collect();
            if lines.len() >= count {
                return lines;
            }
            assert!(Instant::now() < until, "{} has only {lines:?}", path.display());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn folder() -> TempDir {
        tempfile::tempdir().expect("a folder")
    }

    #[tokio::test]
    async fn a_child_that_dies_is_started_again() {
        let folder = folder();
        let mut supervisor = Supervisor::new(Policy {
            give_up_after: 100,
            ..quick()
        });
        supervisor.start(shell("stand-in", "echo $$ >> lives; exit 3", folder.path()));
        let lives = lines(folder.path().join("lives"), 4).await;
        assert_ne!(lives[0], lives[1], "another process each time");
        supervisor.stop().await;
    }

    #[tokio::test]
    async fn a_child_that_never_stays_is_given_up_with_its_end() {
        let folder = folder();
        let mut supervisor = Supervisor::new(quick());
        supervisor.start(shell("stand-in", "echo x >> lives; kill -9 $$", folder.path()));
        let gave_up = timeout(PATIENCE, supervisor.gave_up()).await.expect("in time");
        assert_eq!(
            gave_up,
            GaveUp {
                child: "stand-in",
                last: "signal 9".into()
            }
        );
        assert_eq!(lines(folder.path().join("lives"), 3).await.len(), 3);
    }

    #[tokio::test]
    async fn a_wrong_configuration_is_not_tried_again() {
        let folder = folder();
        let mut supervisor = Supervisor::new(Policy {
            give_up_after: 100,
            ..quick()
        });
        supervisor.start(shell("stand-in", "echo x >> lives; exit 2", folder.path()));
        let gave_up = timeout(PATIENCE, supervisor.gave_up()).await.expect("in time");
        assert!(gave_up.to_string().contains("exit code 2"), "{gave_up}");
        assert_eq!(lines(folder.path().join("lives"), 1).await.len(), 1);
    }

    #[tokio::test]
    async fn children_end_in_the_opposite_order_and_get_their_grace() {
        let folder = folder();
        let path = folder.path().join("said");
        let mut supervisor = Supervisor::new(Policy {
            grace: PATIENCE,
            ..quick()
        });
        let polite = |name: &str| {
            format!("trap 'echo {name} ends >> said; exit 0' TERM; echo {name} >> said; while :; do sleep 0.05; done")
        };
        supervisor.start(shell("first", &polite("first"), folder.path()));
        lines(path.clone(), 1).await;
        supervisor.start(shell("second", &polite("second"), folder.path()));
        lines(path.clone(), 2).await;
        timeout(PATIENCE, supervisor.stop()).await.expect("in time");
        assert_eq!(lines(path, 4).await, ["first", "second", "second ends", "first ends"]);
    }

    #[tokio::test]
    async fn a_child_that_does_not_listen_is_killed_after_its_grace() {
        let folder = folder();
        let mut supervisor = Supervisor::new(quick());
        supervisor.start(shell(
            "deaf",
            "trap '' TERM; echo $$ >> lives; while :; do sleep 0.05; done",
            folder.path(),
        ));
        let pid = lines(folder.path().join("lives"), 1).await.remove(0);
        let start = Instant::now();
        timeout(PATIENCE, supervisor.stop()).await.expect("in time");
        assert!(
            start.elapsed() >= quick().grace,
            "the grace was given: {:?}",
            start.elapsed()
        );
        assert!(!Path::new("/proc").join(pid).exists(), "the child is gone");
    }

    #[tokio::test]
    async fn a_child_does_not_inherit_what_it_must_not() {
        let folder = folder();
        let mut supervisor = Supervisor::new(quick());
        supervisor.start(shell(
            "stand-in",
            "echo home=$HOME >> env; exec sleep 60",
            folder.path(),
        ));
        assert_eq!(lines(folder.path().join("env"), 1).await, ["home="]);
        supervisor.stop().await;
    }
}
