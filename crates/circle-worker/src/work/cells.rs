//! The executor of the product: every part in a cell of its own, from a warm pool.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use circle_api::client::ShellSocket;
use circle_api::resources::GoldenRootsPrune;
use circle_api::shell::ShellMessage;
use circle_api::worker::{Assignment, RootReport};
use circle_cell::pool::{Pool, PoolConfig, PooledCell};
use circle_cell::{Cell, CellError, CellProvider, CellSpec, Death, Root, RootName};
use circle_core::ids::RunId;
use circle_core::roots::RootAccess;
use circle_core::run::{Failure, FailureKind, WorkerEvent};
use circle_core::serving::Isolation;
use circle_core::trigger::Trust;
use jiff::Timestamp;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::base::{ground, make_base};
use super::executor::{Executor, PartEnd};
use super::held::{Held, HeldCell};
use super::networks::open_networks;
use super::reconcile::reconcile;
use super::renew::{Renewing, renew};
use super::root_names::{began_from, note_of, wishes};
use super::told_roots;
use crate::execute::{STAGE_NETWORK, Scene, execute_and_keep, human, serve_shell};
use crate::{Around, End, Sink, Traces, WorkerConfig, WorkerError};

/// The death of an engine is known so long after it stopped answering.
const DEATH_NOTICE: Duration = Duration::from_secs(5);

/// A worker that ends waits so long for its last cells to be removed; supervisors kill after ten seconds or more.
const SETTLE_LIMIT: Duration = Duration::from_secs(5);

/// Cells of a pool.
#[derive(Debug)]
pub(super) struct Cells {
    provider: Arc<dyn CellProvider>,
    pool: Arc<Pool>,
    /// Whether the operator has images, without which no root is complete.
    has_images: bool,
    disk_bytes: Option<u64>,
    isolation: Isolation,
    /// Cells whose run has succeeded and may become roots, once its end is told.
    promising: Mutex<HashMap<(RunId, u64), (PooledCell, Renewing)>>,
    /// The worker ends: what no run waits for is dropped.
    stop: CancellationToken,
    /// Cells that are dead and being removed, and other work that no run waits for.
    ends: Mutex<JoinSet<()>>,
    /// Dropped with the rest, which ends it.
    _reconciler: JoinSet<()>,
    held: Arc<Held>,
    /// How long a cell is held.
    hold: Duration,
}

impl Cells {
    /// Takes the worker's folder, removes what a crash left in it, and begins to keep warm cells.
    pub(super) async fn open(config: &WorkerConfig) -> Result<Self, WorkerError> {
        let spec = plain_spec(config)?;
        let provider = crate::provider::open(config).await?;
        let swept = provider.sweep().await?;
        if !swept.is_empty() {
            tracing::info!(?swept, "removed what an earlier worker left");
        }
        provider.settle_roots(&ground(config)).await?;
        let pool = PoolConfig {
            warm_roots: config.warm_roots as usize,
            ..PoolConfig::new(config.warm_cells() as usize, config.max_cells() as usize, spec.clone())
        };
        let mut reconciler = JoinSet::new();
        reconciler.spawn(reconcile(provider.clone()));
        let cells = Self {
            provider: provider.clone(),
            pool: Arc::new(Pool::new(provider.clone(), pool)),
            has_images: !config.images.is_empty(),
            disk_bytes: config.cell_disk_bytes,
            isolation: config.provider.isolation(),
            promising: Mutex::default(),
            stop: CancellationToken::new(),
            ends: Mutex::default(),
            _reconciler: reconciler,
            held: Arc::new(Held::new(config.max_cells() as usize, config.held_cells as usize)),
            hold: config.hold(),
        };
        cells.spawn(make_base(provider, cells.pool.clone(), spec));
        Ok(cells)
    }

    /// Keeps the cell of a failed run for a while.
    async fn hold(&self, run: RunId, cell: PooledCell, scene: Scene) {
        tracing::info!(cell = %cell.id(), %run, stage = scene.stage, "the cell of a failed run is held");
        let cell = Arc::new(cell);
        let gone = self.held.keep(HeldCell { run, cell, scene });
        self.release(gone.into_iter().collect()).await;
        let (held, stop, hold) = (self.held.clone(), self.stop.clone(), self.hold);
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        ends.spawn(async move {
            // A worker that ends has let go of its held cells, and waits for nobody's half hour.
            if stop.run_until_cancelled(tokio::time::sleep(hold)).await.is_none() {
                return;
            }
            if let Some(over) = held.take(run) {
                tracing::info!(cell = %over.cell.id(), %run, "the time of a held cell is over");
                over.cell.killer().kill().await;
                if let Some(cell) = Arc::into_inner(over.cell) {
                    kill(cell).await;
                }
            }
        });
    }

    /// Ends held cells; a shell in one of them ends with it.
    async fn release(&self, gone: Vec<HeldCell>) {
        for held in gone {
            tracing::info!(cell = %held.cell.id(), run = %held.run, "a held cell goes");
            held.cell.killer().kill().await;
            if let Some(cell) = Arc::into_inner(held.cell) {
                self.end(cell);
            }
        }
    }

    /// Kills a cell beside the report of its run; its place is free as soon as everything in it is dead.
    fn end(&self, cell: PooledCell) {
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        while ends.try_join_next().is_some() {}
        ends.spawn(kill(cell));
    }

    /// Begins work that no run waits for, and that is dropped when the worker ends.
    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        while ends.try_join_next().is_some() {}
        let stop = self.stop.clone();
        ends.spawn(async move {
            tokio::select! {
                () = work => {}
                () = stop.cancelled() => {}
            }
        });
    }

    /// What the run's cell must be, or why there is none for it.
    async fn wishes(&self, assignment: &Assignment) -> Result<Vec<RootName>, Failure> {
        let access = assignment.roots.as_ref();
        let storage = self.provider.storage().await.map_err(|error| no_cell(&error))?;
        let is_bounded = storage.bounded && self.disk_bytes.is_some();
        if access.is_some_and(|access| access.trust == Trust::Stranger) && !is_bounded {
            let message =
                "the disk of cells is unbounded on this worker, so it runs no code of strangers: see `circle doctor`";
            return Err(Failure::new(FailureKind::Refused, message));
        }
        Ok(wishes(self.provider.as_ref(), access).await)
    }

    /// What the cell's root held, for a run that begins from a root of its service.
    async fn beginning(&self, cell: &PooledCell) -> Arc<Traces> {
        let note = match cell.root().filter(|stamp| !stamp.name.is_base()) {
            Some(stamp) => note_of(self.provider.as_ref(), &stamp.name).await,
            None => None,
        };
        Arc::new(Traces::beginning_from(note))
    }

    /// Kills the cell, or keeps it until the run's end is told and it may become a root.
    async fn settle(&self, assignment: &Assignment, mut cell: PooledCell, (end, traces): (&PartEnd, &Traces)) {
        let base = note_of(self.provider.as_ref(), &RootName::base()).await;
        let base = if self.has_images {
            base
        } else {
            Some(base.unwrap_or_default())
        };
        let renewing = match base {
            Some(base) if *end == PartEnd::Succeeded => Renewing::of(assignment, traces.all(), &base),
            _ => None,
        };
        let Some(renewing) = renewing else {
            return self.end(cell);
        };
        cell.give_up_place();
        self.promising()
            .insert((assignment.run, assignment.fence), (cell, renewing));
    }

    fn promising(&self) -> MutexGuard<'_, HashMap<(RunId, u64), (PooledCell, Renewing)>> {
        self.promising.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What every cell of a worker is, whatever it begins from.
pub(super) fn plain_spec(config: &WorkerConfig) -> Result<CellSpec, WorkerError> {
    let relays = config
        .parsed_relays()
        .map_err(|error| WorkerError::Configuration(error.to_string()))?;
    Ok(CellSpec {
        ahead: false,
        root: Root::Plain,
        limits: config.limits(),
        relays,
        images: config.images.clone(),
        surroundings: config.surroundings(),
        networks: vec![STAGE_NETWORK.to_owned()],
        insecure_registries: config.insecure_registries.clone(),
    })
}

fn no_cell(error: &CellError) -> Failure {
    let message = format!("no cell could be started on this worker: {error}");
    Failure::new(FailureKind::Infrastructure, message)
}

/// What the end of an engine does to a job is seen before the end of the engine itself: connections that break, commands that
/// die. An engine that does not answer any more is the cause of all that.
async fn true_cause(cell: &Cell, failure: Failure) -> Failure {
    if cell.health().await.is_ok() {
        return failure;
    }
    match tokio::time::timeout(DEATH_NOTICE, cell.died()).await {
        Ok(death) => Failure {
            stage: failure.stage,
            ..died(&death)
        },
        Err(_) => failure,
    }
}

async fn refuse(socket: &mut ShellSocket, reason: String) {
    socket.say(&ShellMessage::Refused { reason }).await;
}

/// Why there is no shell, or no more.
fn not_held(hold: Duration) -> String {
    let hold = human(hold);
    format!("the run's cell is not held any more: its {hold} are over, or a run needed its place")
}

fn died(death: &Death) -> Failure {
    Failure::new(FailureKind::CellDied, format!("the run's cell died: {}", death.reason))
}

async fn kill(cell: PooledCell) {
    let id = cell.id().clone();
    match cell.kill().await {
        Ok(killed) => tracing::debug!(cell = %id, ?killed, "a cell is gone"),
        Err(error) => {
            tracing::warn!(cell = %id, %error, "a cell was not removed completely; the next sweep tries again")
        }
    }
}

#[async_trait]
impl Executor for Cells {
    async fn execute(&self, assignment: Arc<Assignment>, sink: Arc<dyn Sink>, stop: CancellationToken) -> PartEnd {
        let began = Instant::now();
        let wishes = match self.wishes(&assignment).await {
            Ok(wishes) => wishes,
            Err(failure) => return PartEnd::Failed(failure),
        };
        let (_turn, gone) = self.held.begin();
        self.release(gone).await;
        let cell = match self.pool.take_of(&wishes, &stop).await {
            Ok(cell) => cell,
            Err(CellError::Cancelled) => return PartEnd::Stopped,
            Err(error) => return PartEnd::Failed(no_cell(&error)),
        };
        let waited = began.elapsed();
        tracing::info!(cell = %cell.id(), waited_ms = waited.as_millis(), "the run has its cell");
        let note = match open_networks(&cell, self.isolation, &assignment).await {
            Ok(note) => note,
            Err(failure) => {
                self.end(cell);
                return PartEnd::Failed(failure);
            }
        };
        let began = began_from(&assignment, &cell, cell.stood_ready());
        sink.event(WorkerEvent::CellTaken { began }).await;
        let traces = self.beginning(&cell).await;
        let around = Around {
            traces: traces.clone(),
            notes: note.into_iter().collect(),
            ..Around::new(sink)
        };
        let mut scene = None;
        let end = tokio::select! {
            biased;
            () = stop.cancelled() => PartEnd::Stopped,
            (end, kept) = execute_and_keep(&assignment, &cell, waited, around) => match end {
                End::Succeeded => PartEnd::Succeeded,
                End::Failed(failure) => {
                    scene = kept;
                    PartEnd::Failed(true_cause(&cell, failure).await)
                }
            },
            death = cell.died() => {
                PartEnd::Failed(died(&death))
            }
        };
        if end == PartEnd::Stopped {
            // Who cancels wants to hear that everything is dead; what is left is removed meanwhile.
            let dead_in = cell.killer().kill().await;
            tracing::info!(cell = %cell.id(), dead_ms = dead_in.as_millis(), "the run was stopped");
        }
        match scene {
            Some(scene) => self.hold(assignment.run, cell, scene).await,
            None => self.settle(&assignment, cell, (&end, &traces)).await,
        }
        end
    }

    async fn shell(&self, run: RunId, mut socket: ShellSocket) {
        match self.held.find(run) {
            None => refuse(&mut socket, not_held(self.hold)).await,
            Some(HeldCell { cell, scene, .. }) => {
                let served = tokio::select! {
                    biased;
                    _ = cell.died() => Err(not_held(self.hold)),
                    served = serve_shell(&cell, &scene, &mut socket) => {
                        served.map_err(|failure| format!("the shell could not be started: {}", failure.message))
                    }
                };
                match served {
                    // A cell that was given up meanwhile ends its shell in one way or another before its death is known.
                    _ if self.held.find(run).is_none() => refuse(&mut socket, not_held(self.hold)).await,
                    Err(reason) => refuse(&mut socket, reason).await,
                    Ok(shell) => {
                        let exit_code = shell.exit_code;
                        socket.say(&ShellMessage::Ended { exit_code }).await;
                        shell.remove().await;
                    }
                }
            }
        }
        socket.close().await;
    }

    async fn roots(&self, remove: Option<&GoldenRootsPrune>) -> Vec<RootReport> {
        let Some(wish) = remove else {
            return told_roots::told(self.provider.as_ref()).await;
        };
        let removed = told_roots::remove(self.provider.as_ref(), wish, Timestamp::now().as_second()).await;
        self.pool.refresh();
        removed
    }

    async fn expect(&self, roots: &RootAccess) {
        let wishes = wishes(self.provider.as_ref(), Some(roots)).await;
        self.pool.expect(&wishes).await;
    }

    fn told(&self, run: RunId, fence: u64, is_accepted: bool) {
        let Some((cell, renewing)) = self.promising().remove(&(run, fence)) else {
            return;
        };
        if !is_accepted {
            tracing::info!(cell = %cell.id(), %run, "the server did not take the run's success: its root stays as it is");
            return self.end(cell);
        }
        let pool = self.pool.clone();
        self.spawn(async move {
            renew(cell, renewing).await;
            pool.refresh();
        });
    }

    async fn shutdown(&self) {
        self.stop.cancel();
        self.promising().clear();
        self.release(self.held.take_all()).await;
        self.pool.shutdown().await;
        let mut ends = std::mem::take(&mut *self.ends.lock().unwrap_or_else(PoisonError::into_inner));
        while ends.join_next().await.is_some() {}
        if tokio::time::timeout(SETTLE_LIMIT, self.provider.settled())
            .await
            .is_err()
        {
            tracing::warn!("something of a cell is left; the next worker removes it");
        }
    }
}
