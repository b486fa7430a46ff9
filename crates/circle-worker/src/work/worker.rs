//! The worker itself: one loop that hears orders and gives them to whoever executes.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use circle_api::resources::GoldenRootsPrune;
use circle_api::worker::{Order, SecretValue};
use circle_cell::process::{FILES_OF_A_CELL, raise_open_files};
use circle_core::ids::{QuestionId, RunId, ShellId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::active::Active;
use super::cells::Cells;
use super::executor::Executor;
use super::one::{Ground, take};
use crate::server::{CallError, Connection, Orders, Pause, Stop, identity, tell_roots};
use crate::{ProviderChoice, WorkerConfig, WorkerError};

/// Offers that wait for a place; the server offers the others again.
const MAX_OFFERS: usize = 4_096;
/// After the order to end, runs that were stopped may take so long to be told.
const LAST_WORDS: Duration = Duration::from_secs(8);

/// Works until `shutdown` is cancelled, or the server says drain and all is done: executes what the server offers, each
/// run in a cell of its own. Runs that are still executing at the shutdown are stopped and given back.
///
/// # Errors
/// [`WorkerError`] when the machine, the folder or the configuration does not allow to begin, or the server refuses the
/// worker for good. A server that is away is waited for.
pub async fn work(config: WorkerConfig, shutdown: CancellationToken) -> Result<(), WorkerError> {
    make_folder(&config)?;
    make_room(&config);
    // The first process of a container makes cells of its container; the first of a machine is never this one.
    let carries = config.provider == ProviderChoice::Process && std::process::id() == 1;
    if config.once || carries {
        settle_in()?;
    }
    let cells = Arc::new(Cells::open(&config).await?);
    work_with(config, cells, shutdown).await
}

/// The executor of [`work`], for those who hand out runs themselves.
///
/// # Errors
/// [`WorkerError`] when the machine, the folder or the configuration does not allow to begin.
pub async fn cells(config: WorkerConfig) -> Result<Arc<dyn Executor>, WorkerError> {
    make_folder(&config)?;
    Ok(Arc::new(Cells::open(&config).await?))
}

/// The same, with somebody else who executes: a measurement of dispatch, or another way to have cells.
///
/// # Errors
/// As [`work`].
pub async fn work_with(
    config: WorkerConfig,
    executor: Arc<dyn Executor>,
    shutdown: CancellationToken,
) -> Result<(), WorkerError> {
    make_folder(&config)?;
    let connection = Connection::new(&config.server, config.provider.isolation())?;
    let worked = serve(&config, &connection, &executor, &shutdown).await;
    executor.shutdown().await;
    worked
}

async fn serve(
    config: &WorkerConfig,
    connection: &Connection,
    executor: &Arc<dyn Executor>,
    shutdown: &CancellationToken,
) -> Result<(), WorkerError> {
    let enrolled = tokio::select! {
        biased;
        () = shutdown.cancelled() => return Ok(()),
        enrolled = identity(connection, config, false) => enrolled?,
    };
    let mut token = enrolled;
    let mut is_fresh = false;
    let mut pause = Pause::default();
    let ground = |token: &SecretValue| Ground {
        connection: connection.clone(),
        token: token.clone(),
        executor: executor.clone(),
        active: Active::default(),
    };
    let mut desk = Desk::new(ground(&token), config);
    loop {
        if desk.is_done() {
            return Ok(());
        }
        let opened = tokio::select! {
            biased;
            () = shutdown.cancelled() => return desk.leave().await,
            opened = Orders::open(connection, &token) => opened,
        };
        match opened {
            Ok(orders) => {
                (is_fresh, pause) = (true, Pause::default());
                let (max, warm) = (config.max_cells(), config.warm_cells());
                tracing::info!(server = %config.server, max_cells = max, warm_cells = warm, "connected");
                match desk.hear(orders, shutdown).await {
                    Heard::Shutdown => return desk.leave().await,
                    Heard::Drained => return Ok(()),
                    Heard::Lost(why) => tracing::warn!(why, "the server is gone; connecting again"),
                }
            }
            // The server may have been set up anew: the enrolment token tells.
            // Its run has ended, and its credential with it.
            Err(CallError::Credential(why)) if config.once => {
                tracing::info!(why, "the run that this worker was started for is over");
                return desk.leave().await;
            }
            Err(CallError::Credential(why)) if !is_fresh => {
                tracing::warn!(why, "the worker's token is refused; enrolling again");
                token = identity(connection, config, true).await?;
                desk.ground.token = token.clone();
                is_fresh = true;
            }
            Err(CallError::Later(why)) => tracing::warn!(why, "the server cannot be reached; trying again"),
            Err(error) => return Err(WorkerError::Refused(error.to_string())),
        }
        desk.wait(&mut pause, shutdown).await;
        if shutdown.is_cancelled() {
            return desk.leave().await;
        }
    }
}

/// How hearing orders ended.
enum Heard {
    Shutdown,
    Drained,
    Lost(String),
}

/// What can happen to a worker.
enum Happening {
    Shutdown,
    Order(Result<Order, CallError>),
    Place(OwnedSemaphorePermit),
    Ended,
}

/// Offers, places, and the runs at work.
struct Desk {
    ground: Ground,
    places: Arc<Semaphore>,
    offers: VecDeque<(RunId, usize)>,
    runs: JoinSet<()>,
    /// Shells in held cells; they end with the connection to whoever typed, or with the worker.
    answers: JoinSet<()>,
    draining: bool,
    /// Runs that may still begin; `None`: any number.
    left: Option<u32>,
}

impl Desk {
    fn new(ground: Ground, config: &WorkerConfig) -> Self {
        let places = Arc::new(Semaphore::new(config.max_cells().max(1) as usize));
        Self {
            ground,
            places,
            offers: VecDeque::new(),
            runs: JoinSet::new(),
            answers: JoinSet::new(),
            draining: false,
            left: config.once.then_some(1),
        }
    }

    /// Whether nothing is executed and nothing may begin.
    fn is_done(&mut self) -> bool {
        while self.runs.try_join_next().is_some() {}
        (self.draining || self.left == Some(0)) && self.runs.is_empty()
    }

    async fn hear(&mut self, mut orders: Orders, shutdown: &CancellationToken) -> Heard {
        // What an earlier connection offered is offered again.
        self.offers.clear();
        loop {
            if self.is_done() {
                return Heard::Drained;
            }
            match self.next(&mut orders, shutdown).await {
                Happening::Shutdown => return Heard::Shutdown,
                Happening::Order(Ok(order)) => self.obey(order),
                Happening::Order(Err(error)) => return Heard::Lost(error.to_string()),
                Happening::Place(place) => self.begin(place),
                Happening::Ended => {}
            }
        }
    }

    async fn next(&mut self, orders: &mut Orders, shutdown: &CancellationToken) -> Happening {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => Happening::Shutdown,
            Some(_) = self.runs.join_next() => Happening::Ended,
            Ok(place) = self.places.clone().acquire_owned(), if !self.offers.is_empty() => Happening::Place(place),
            order = orders.next() => Happening::Order(order),
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Offer { run, part } if !self.draining && self.offers.len() < MAX_OFFERS => {
                if !self.offers.contains(&(run, part)) {
                    self.offers.push_back((run, part));
                }
            }
            Order::Offer { .. } | Order::Ping | Order::Hello { .. } => {}
            Order::Expect { roots } => {
                let executor = self.ground.executor.clone();
                self.runs.spawn(async move { executor.expect(&roots).await });
            }
            Order::Cancel { run, fence, cause } => {
                tracing::info!(%run, ?cause, "the run is to be cancelled");
                self.ground.active.stop(run, fence, Stop::Cancelled);
            }
            Order::Shell { run, shell } => {
                while self.answers.try_join_next().is_some() {}
                self.answers.spawn(answer_shell(self.ground.clone(), run, shell));
            }
            Order::Roots { question, remove } => {
                while self.answers.try_join_next().is_some() {}
                self.answers.spawn(answer_roots(self.ground.clone(), question, remove));
            }
            Order::Drain => {
                tracing::info!("nothing new is taken");
                self.draining = true;
                self.offers.clear();
            }
        }
    }

    fn begin(&mut self, place: OwnedSemaphorePermit) {
        if self.left == Some(0) {
            return self.offers.clear();
        }
        if let Some((run, part)) = self.offers.pop_front() {
            self.left = self.left.map(|left| left - 1);
            self.runs.spawn(take(self.ground.clone(), run, part, place));
        }
    }

    /// Waits before the next connection; runs go on meanwhile.
    async fn wait(&mut self, pause: &mut Pause, shutdown: &CancellationToken) {
        tokio::select! {
            () = pause.wait() => {}
            () = shutdown.cancelled() => {}
        }
        while self.runs.try_join_next().is_some() {}
    }

    /// Stops what executes and gives it back.
    async fn leave(&mut self) -> Result<(), WorkerError> {
        self.ground.active.stop_all(Stop::Leaving);
        let told = tokio::time::timeout(LAST_WORDS, async { while self.runs.join_next().await.is_some() {} }).await;
        if told.is_err() {
            tracing::warn!(
                runs = self.runs.len(),
                "some runs could not be given back in time; their leases will run out"
            );
        }
        Ok(())
    }
}

/// Tells the server of the golden roots here.
async fn answer_roots(ground: Ground, question: QuestionId, remove: Option<GoldenRootsPrune>) {
    let roots = ground.executor.roots(remove.as_ref()).await;
    if let Err(error) = tell_roots(&ground.connection, &ground.token, question, roots).await {
        tracing::warn!(error = error.to_string(), "the server was not told of the golden roots");
    }
}

/// Opens the worker's end of a shell that the server asks for.
async fn answer_shell(ground: Ground, run: RunId, shell: ShellId) {
    match ground.connection.shell(shell, &ground.token).await {
        Ok(socket) => ground.executor.shell(run, socket).await,
        Err(why) => tracing::warn!(%run, %shell, why, "a shell could not be answered"),
    }
}

/// All cells together must not use up the files that this process may have open.
fn make_room(config: &WorkerConfig) {
    match raise_open_files() {
        Ok(files) if files / FILES_OF_A_CELL <= u64::from(config.max_cells()) => tracing::warn!(
            files,
            max_cells = config.max_cells(),
            "so many cells may need more open files than this process may have: raise its hard limit (LimitNOFILE of its unit)"
        ),
        Ok(_) => {}
        Err(error) => tracing::warn!(%error, "the limit of open files could not be raised"),
    }
}

/// One that is the first process of a container takes the container over.
pub(super) fn settle_in() -> Result<(), WorkerError> {
    circle_cell::process::take_control_groups()
        .map_err(|error| WorkerError::Configuration(format!("the container cannot carry a worker: {error}")))
}

pub(super) fn make_folder(config: &WorkerConfig) -> Result<(), WorkerError> {
    use std::os::unix::fs::DirBuilderExt;
    let made = std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&config.folder);
    made.map_err(|source| WorkerError::Folder {
        path: config.folder.clone(),
        source,
    })
}
