//! Containers of later stages, started behind their gates while earlier stages run.
//!
//! Which ones may be is decided by `circle_core::plan::early`. A container that shows the checkout shows an empty place; the
//! view is mounted there at the stage's turn, and the container sees it by mount propagation. What fails here is tried again
//! at the stage's turn, which tells the reason.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Mutex, PoisonError};

use circle_core::plan::{ContainerJob, Early, Plan, PreBuild, Sidecar, Stage, Work, early};
use circle_core::run::Failure;
use futures_util::future::join_all;
use tokio::sync::{Notify, Semaphore};

use super::context::Shared;
use super::job::{PreparedJob, prepare_early};
use super::making::Making;
use super::network::stage_network;
use super::{Network, Sidecars};

/// A start is mostly processor time; more at once make the first of them late.
const AT_ONCE: usize = 2;

/// The containers that are started before their turn.
#[derive(Debug)]
pub(crate) struct Ahead {
    slots: BTreeMap<String, Slot>,
    permits: Semaphore,
    is_memory_short: fn() -> bool,
}

/// What is ready for a stage at its turn.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// `None`: they are still to be started.
    pub(crate) sidecars: Option<Sidecars>,
    pub(crate) job: PreparedJob,
}

#[derive(Debug)]
struct Slot {
    early: Early,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug)]
enum State {
    /// Nothing is done yet.
    Open,
    Making,
    Made(Box<Prepared>),
    /// Taken, given up, or left to the stage's turn.
    Closed,
}

impl Ahead {
    /// Decides what is started early.
    pub(super) fn new(plan: &Plan, is_memory_short: fn() -> bool, is_skipped: impl Fn(&Stage) -> bool) -> Self {
        let slot = |early: Early| Slot {
            early,
            state: Mutex::new(State::Open),
            changed: Notify::new(),
        };
        let slots = early(plan, is_skipped)
            .into_iter()
            .filter_map(|one| Some((plan.stages.get(one.stage)?.name.clone(), slot(one))));
        Self {
            slots: slots.collect(),
            permits: Semaphore::new(AT_ONCE),
            is_memory_short,
        }
    }

    /// Starts what can be, in the order of the plan, beside the stages; never ends.
    pub(super) async fn work(&self, shared: &Shared<'_>, variables: &BTreeMap<String, String>) -> Infallible {
        let mut slots: Vec<&Slot> = self.slots.values().collect();
        slots.sort_by_key(|slot| slot.early.stage);
        join_all(slots.into_iter().map(|slot| self.fill(slot, shared, variables))).await;
        std::future::pending().await
    }

    async fn fill(&self, slot: &Slot, shared: &Shared<'_>, variables: &BTreeMap<String, String>) {
        let Some(stage) = shared.assignment.plan.stages.get(slot.early.stage) else {
            return;
        };
        let making = Making {
            shared,
            stage,
            variables: variables.clone(),
        };
        // Boxed, as the stages are: making a container is a large future.
        Box::pin(slot.fill(&making, (&self.permits, self.is_memory_short))).await;
    }

    /// What was started for a stage, whose turn has come. Waits for a start that is under way.
    pub(crate) async fn take(&self, stage: &str) -> Option<Prepared> {
        let slot = self.slots.get(stage)?;
        loop {
            let changed = slot.changed.notified();
            match slot.leave() {
                State::Made(prepared) => return Some(*prepared),
                State::Open | State::Closed => return None,
                State::Making => changed.await,
            }
        }
    }
}

impl Slot {
    async fn fill(&self, making: &Making<'_>, (permits, is_memory_short): (&Semaphore, fn() -> bool)) {
        let Some((sidecars, job)) = parts(making.stage) else {
            return;
        };
        let sidecars = if self.early.sidecars { sidecars } else { &[] };
        for image in sidecars
            .iter()
            .map(|sidecar| &sidecar.container.image)
            .chain([&job.container.image])
        {
            if making.shared.images.id(image).await.is_err() {
                return;
            }
        }
        let Ok(_permit) = permits.acquire().await else { return };
        if is_memory_short() {
            return tracing::debug!(stage = making.stage.name, "memory is short: nothing is started early");
        }
        if !self.begin() {
            return;
        }
        let made = Box::pin(make(making, sidecars, job, self.early.sidecars)).await;
        let made = made.unwrap_or_else(|failure| {
            tracing::debug!(stage = making.stage.name, why = failure.message, "not started early");
            None
        });
        let made = made.map_or(State::Closed, |prepared| State::Made(Box::new(prepared)));
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = made;
        self.changed.notify_waiters();
    }

    /// Claims the slot; `false` when the stage's turn has come already.
    fn begin(&self) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let is_open = matches!(*state, State::Open);
        if is_open {
            *state = State::Making;
        }
        is_open
    }

    /// Takes what there is, unless it is being made.
    fn leave(&self) -> State {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*state, State::Making) {
            return State::Making;
        }
        std::mem::replace(&mut *state, State::Closed)
    }
}

/// The containers of a stage.
fn parts(stage: &Stage) -> Option<(&[Sidecar], &ContainerJob)> {
    match &stage.work {
        Work::Integration { sidecars, job } => Some((sidecars, job)),
        Work::PreBuild {
            how: PreBuild::Container { job },
            ..
        }
        | Work::PostBuild { job } => Some((&[], job)),
        Work::Checkout { .. } | Work::PreBuild { .. } | Work::Build { .. } | Work::Push { .. } => None,
    }
}

async fn make(
    making: &Making<'_>,
    sidecars: &[Sidecar],
    job: &ContainerJob,
    with_sidecars: bool,
) -> Result<Option<Prepared>, Failure> {
    let on_stage = matches!(making.stage.work, Work::Integration { .. });
    let name = if on_stage {
        stage_network(making.shared).await?
    } else {
        String::new()
    };
    let network = if on_stage {
        Network::Stage { name: &name }
    } else {
        Network::Bridge
    };
    let beside = async {
        if with_sidecars {
            Sidecars::start_early(making, sidecars, &name).await.map(Some)
        } else {
            Ok(None)
        }
    };
    let (sidecars, job) = tokio::try_join!(beside, prepare_early(making, job, network))?;
    Ok(job.map(|job| Prepared { sidecars, job }))
}
