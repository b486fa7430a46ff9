//! A Swarm, a registry, the embedded stores, and an engine over them that can be killed and started again.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use circle_cell::Relay;
use circle_cell::process::{InitProgram, ProcessConfig, ProcessProvider};
use circle_core::deployment::{Deployment, WorkloadState};
use circle_core::environment::{Target as Settings, TargetKind};
use circle_core::ids::{RunId, TargetId};
use circle_core::names::Slug;
use circle_core::run::{Run, RunEvent};
use circle_lab::{Credentials, Registry, Swarm, visit};
use circle_net::Net;
use circle_server::Vault;
use circle_server::deploy::swarm::SwarmTarget;
use circle_server::deploy::{Deployer, DeployerParts, Target, WorkloadRecord, swarm};
use circle_server::records::{DeploymentRecord, RunRecord, TargetRecord};
use circle_store::leases::Leases;
use circle_store::records::{EmbeddedStore, Records};
use jiff::Timestamp;
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::counted::{Counted, Tally};
use crate::images::{self, Health};
use crate::runs;

/// Longest wait for anything of a story.
const LIMIT: Duration = Duration::from_secs(60);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(20);

/// Everything of one story.
pub(crate) struct Bench {
    pub(crate) records: Records,
    pub(crate) tally: Arc<Tally>,
    pub(crate) swarm: Swarm,
    pub(crate) target: TargetId,
    /// What the engine may call; nothing of this machine at first.
    pub(crate) net: Net,
    leases: Arc<dyn Leases>,
    vault: Arc<Vault>,
    registry: Registry,
    engine: JoinSet<()>,
    endpoint: String,
    _provider: ProcessProvider,
    folder: TempDir,
}

impl Bench {
    /// Starts everything but the engine.
    pub(crate) async fn start() -> Self {
        Self::start_with(None, false).await
    }

    /// The same on a target whose daemon can be killed.
    pub(crate) async fn start_mortal() -> Self {
        Self::start_with(None, true).await
    }

    /// The same with a registry that asks for a password.
    pub(crate) async fn start_with(credentials: Option<&Credentials>, mortal: bool) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("cd")
            .tempdir_in("/var/tmp")
            .expect("a folder");
        let registry = Registry::start(&folder.path().join("registry"), credentials)
            .await
            .expect("a registry");
        let config = ProcessConfig::new(folder.path().join("cells"), InitProgram::this_program());
        let provider = ProcessProvider::open(config).expect("cells");
        let relay = Relay::same(registry.address().parse().expect("an address"));
        let swarm = match mortal {
            true => Swarm::start_mortal(&provider, vec![relay]).await,
            false => Swarm::start(&provider, vec![relay]).await,
        };
        let swarm = swarm.expect("a Swarm");
        let store = EmbeddedStore::open(&folder.path().join("records")).expect("a store");
        let leases = Arc::new(store.leases().await.expect("leases"));
        let vault = Arc::new(Vault::open(&folder.path().join("master-key")).expect("a vault"));
        let mut bench = Self {
            records: Records::new(Arc::new(store)),
            tally: Arc::new(Tally::default()),
            target: TargetId::from_uuid(Uuid::from_u128(7)),
            net: Net::new(Vec::new()),
            leases,
            vault,
            registry,
            engine: JoinSet::new(),
            endpoint: swarm.endpoint(),
            swarm,
            _provider: provider,
            folder,
        };
        bench.reach(&bench.endpoint.clone()).await;
        bench
    }

    /// The target is reached there from now on.
    pub(crate) async fn reach(&mut self, endpoint: &str) {
        self.endpoint = endpoint.to_owned();
        let settings = Settings {
            id: self.target,
            workspace: runs::workspace(),
            name: Slug::new("swarm").expect("a name"),
            kind: TargetKind::Swarm {
                endpoint: endpoint.to_owned(),
                tls: None,
            },
            created_at: Timestamp::now(),
        };
        let record = TargetRecord(settings);
        match self
            .records
            .load::<TargetRecord>(&self.target.to_string())
            .await
            .expect("a store")
        {
            Some((_, version)) => self.records.replace(&record, version).await.expect("written"),
            None => self.records.insert(&record).await.expect("written"),
        };
    }

    /// Pushes a version of `shop` that serves `page`; gives its digest.
    pub(crate) async fn version(&self, page: &str, health: Health) -> String {
        images::push(
            self.swarm.socket(),
            &format!("{}:{page}", self.repository()),
            page,
            health,
        )
        .await
    }

    /// `host/shop` on the story's registry.
    pub(crate) fn repository(&self) -> String {
        format!("{}/shop", self.registry.address())
    }

    /// The adapter for the Swarm itself, without an engine around it.
    pub(crate) async fn adapter(&self) -> SwarmTarget {
        let target = SwarmTarget::open(&self.net, &self.swarm.endpoint(), None).await;
        target.expect("a target")
    }

    /// Starts the engine, or starts it again.
    pub(crate) fn start_engine(&mut self) {
        let (tally, net) = (Arc::clone(&self.tally), self.net.clone());
        let parts = DeployerParts {
            records: self.records.clone(),
            leases: Arc::clone(&self.leases),
            vault: Arc::clone(&self.vault),
            net: self.net.clone(),
            connect: Arc::new(move |settings, bundle| {
                let (tally, net) = (Arc::clone(&tally), net.clone());
                Box::pin(async move {
                    let inner = swarm::connect(&net, &settings, bundle).await?;
                    Ok(Arc::new(Counted::new(inner, tally)) as Arc<dyn Target>)
                })
            }),
            tell: Arc::new(|_, _| Box::pin(async {})),
        };
        let deployer = Arc::new(Deployer::new(parts));
        self.engine.spawn(deployer.run(CancellationToken::new()));
    }

    /// Drops the engine wherever it is.
    pub(crate) async fn kill_engine(&mut self) {
        self.engine.shutdown().await;
    }

    /// Puts a run into the store whose stages are done, and that deploys this digest.
    pub(crate) async fn deploys(&self, run: &Run) -> RunId {
        self.records.insert(&RunRecord(run.clone())).await.expect("written");
        run.id
    }

    /// Puts a run of this version, by number, on `main`, to `production`.
    pub(crate) async fn deploy(&self, number: u64, digest: &str) -> RunId {
        self.deploys(&runs::run(number, &self.repository(), digest)).await
    }

    /// The run as it is now.
    pub(crate) async fn run(&self, id: RunId) -> Run {
        self.records
            .load::<RunRecord>(&id.to_string())
            .await
            .expect("a store")
            .expect("a run")
            .0
            .0
    }

    /// Somebody cancels the run.
    pub(crate) async fn cancel(&self, id: RunId, abandon: bool) {
        let event = RunEvent::CancelRequested {
            cause: circle_core::run::CancelCause::Requested,
            by: "anna".into(),
            abandon,
        };
        self.records
            .update(&id.to_string(), |RunRecord(run)| {
                run.apply(event.clone(), Timestamp::now())
            })
            .await
            .expect("cancelled");
    }

    /// The run's deployments, in its order.
    pub(crate) async fn deployments(&self, id: RunId) -> Vec<Deployment> {
        let mut all = Vec::new();
        for deployment in self.run(id).await.deployments {
            let found = self
                .records
                .load::<DeploymentRecord>(&deployment.to_string())
                .await
                .expect("a store");
            all.extend(found.map(|(record, _)| record.0));
        }
        all
    }

    /// What is known of the workload.
    pub(crate) async fn workload(&self, name: &str) -> Option<WorkloadState> {
        let id = format!("{}/{name}", self.target);
        self.records
            .load::<WorkloadRecord>(&id)
            .await
            .expect("a store")
            .map(|(record, _)| record.0)
    }

    /// Waits until the run has ended; its word and sentence.
    pub(crate) async fn ended(&self, id: RunId) -> (String, String) {
        let mut ended = None;
        self.until("the run ends", async || {
            let run = self.run(id).await;
            let message = match &run.state {
                circle_core::run::RunState::Ended {
                    verdict: circle_core::run::Verdict::Failed { failure },
                    ..
                } => failure.message.clone(),
                _ => String::new(),
            };
            ended = run.state.is_ended().then(|| (run.state.word().to_owned(), message));
            let states: Vec<String> = self
                .deployments(id)
                .await
                .iter()
                .map(|one| format!("{:?} {:?}", one.state, one.notes))
                .collect();
            if ended.is_some() {
                Ok(())
            } else {
                Err(states.join("; "))
            }
        })
        .await;
        ended.expect("it ended")
    }

    /// Waits until a deployment of the run is in this state.
    pub(crate) async fn state(&self, id: RunId, word: &str) {
        self.until(word, async || {
            let states: Vec<&str> = self.deployments(id).await.iter().map(|one| one.state.word()).collect();
            if states.contains(&word) {
                Ok(())
            } else {
                Err(format!("{states:?}"))
            }
        })
        .await;
    }

    /// The answer of the service.
    pub(crate) async fn answer(&self, service: &str) -> Result<String, String> {
        let places = self.swarm.published(service).await.map_err(|error| error.to_string())?;
        let mut last = "nothing is published".to_owned();
        for place in places {
            match visit(place.address, place.port, "/").await {
                Ok(page) => return Ok(page),
                Err(error) => {
                    last = format!(
                        "{error}: {}",
                        std::error::Error::source(&error)
                            .map(ToString::to_string)
                            .unwrap_or_default()
                    )
                }
            }
        }
        Err(last)
    }

    /// Waits until the service answers this.
    pub(crate) async fn answers(&self, service: &str, page: &str) {
        self.until(&format!("{service} answers {page}"), async || {
            match self.answer(service).await {
                Ok(said) if said == page => Ok(()),
                Ok(said) | Err(said) => Err(said),
            }
        })
        .await;
    }

    /// Waits for a condition, with the last state in the message.
    pub(crate) async fn until(&self, what: &str, mut condition: impl AsyncFnMut() -> Result<(), String>) {
        let start = Instant::now();
        loop {
            let Err(last) = condition().await else { return };
            assert!(start.elapsed() < LIMIT, "not within {LIMIT:?}: {what}; last: {last}");
            tokio::time::sleep(LOOK).await;
        }
    }

    /// The folder of the story.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Ends everything.
    pub(crate) async fn stop(mut self) {
        self.kill_engine().await;
        self.registry.stop().await.expect("the registry ends");
        self.swarm.stop().await.expect("the Swarm ends");
    }
}
