//! The loop: runs that deploy get their deployments, deployments that are on their way get somebody who drives them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use circle_core::deployment::DeploymentState;
use circle_core::environment::Target as TargetSettings;
use circle_core::ids::DeploymentId;
use circle_core::run::Run;
use circle_net::Net;
use circle_store::leases::Leases;
use circle_store::records::kinds::{DEPLOYMENT_STATE, RUN_STATE};
use circle_store::records::{FindAll, Query, RecordError, Records, Version};
use futures_util::future::BoxFuture;
use secrecy::SecretString;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::drive::drive;
use super::port::{Target, TargetError};
use crate::records::{DeploymentRecord, RunRecord};
use crate::vault::Vault;

/// The loop runs at least so often, also when no notice came.
const PERIOD: Duration = Duration::from_secs(5);
/// After a pass, notices are gathered for so long: a rollout writes several times a second.
const GATHER: Duration = Duration::from_millis(50);
/// Deployments that are driven at the same time; each waits most of its time.
const DRIVEN_AT_ONCE: usize = 256;

/// Makes the adapter for a target's settings; the secret is the TLS bundle, when there is one.
pub type Connect = Arc<dyn Fn(TargetSettings, Option<SecretString>) -> Connecting + Send + Sync>;
/// The adapter, once the place is known to be one that may be gone to.
pub type Connecting = BoxFuture<'static, Result<Arc<dyn Target>, TargetError>>;
/// Is told of every run that the engine changed.
pub type Tell = Arc<dyn Fn(Run, Version) -> BoxFuture<'static, ()> + Send + Sync>;

/// Drives deployments. All state is in the stores: dropping it at any point loses nothing.
pub struct Deployer {
    pub(super) records: Records,
    pub(super) leases: Arc<dyn Leases>,
    pub(super) vault: Arc<Vault>,
    pub(super) connect: Connect,
    pub(super) tell: Tell,
    pub(super) net: Net,
    /// For addresses that the server's administrators answer for.
    pub(super) open_net: Net,
}

/// What a deployer stands on.
pub struct DeployerParts {
    pub records: Records,
    pub leases: Arc<dyn Leases>,
    pub vault: Arc<Vault>,
    /// Asks new versions whether they answer.
    pub net: Net,
    pub connect: Connect,
    pub tell: Tell,
}

impl std::fmt::Debug for Deployer {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Deployer")
            .field("records", &self.records)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for DeployerParts {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("DeployerParts")
            .field("records", &self.records)
            .finish_non_exhaustive()
    }
}

impl Deployer {
    /// An engine over these stores.
    pub fn new(parts: DeployerParts) -> Self {
        let DeployerParts {
            records,
            leases,
            vault,
            net,
            connect,
            tell,
        } = parts;
        Self {
            records,
            leases,
            vault,
            net,
            open_net: Net::everywhere(),
            connect,
            tell,
        }
    }

    /// Until shutdown. What is in the middle of a call is dropped and taken up again at the next start.
    pub async fn run(self: Arc<Self>, shutdown: CancellationToken) {
        let mut driven: BTreeSet<DeploymentId> = BTreeSet::new();
        let mut drives: JoinSet<DeploymentId> = JoinSet::new();
        let mut runs = self.records.changes::<RunRecord>();
        loop {
            match self.pass().await {
                Ok(active) => {
                    for id in active {
                        if driven.len() < DRIVEN_AT_ONCE && driven.insert(id) {
                            drives.spawn(drive(Arc::clone(&self), id));
                        }
                    }
                }
                Err(error) => tracing::warn!(%error, "deployments could not be read; it is tried again"),
            }
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = runs.changed() => {}
                () = tokio::time::sleep(PERIOD) => {}
                Some(ended) = drives.join_next(), if !drives.is_empty() => match ended {
                    Ok(id) => { driven.remove(&id); }
                    Err(error) => {
                        tracing::error!(%error, "the driver of a deployment died; it is started again");
                        driven.clear();
                        drives.abort_all();
                    }
                },
            }
            tokio::time::sleep(GATHER).await;
        }
    }

    /// Plans and settles runs; gives the deployments that are on their way.
    async fn pass(&self) -> Result<Vec<DeploymentId>, RecordError> {
        let store = Arc::clone(self.records.store());
        let mut runs = FindAll::new(store.as_ref(), Query::over(RUN_STATE).equal("deploying"));
        while let Some(heads) = runs.next().await? {
            for head in heads {
                if let Err(error) = self.advance_run(&head.id).await {
                    tracing::warn!(run = head.id, %error, "a run could not be advanced; it is tried again");
                }
            }
        }
        let mut active = Vec::new();
        for state in DeploymentState::ACTIVE {
            let mut found = FindAll::new(store.as_ref(), Query::over(DEPLOYMENT_STATE).equal(state));
            while let Some(heads) = found.next().await? {
                active.extend(heads.iter().filter_map(|head| head.id.parse::<DeploymentId>().ok()));
            }
        }
        Ok(active)
    }

    /// A deployment as it is now.
    pub(super) async fn deployment(&self, id: &str) -> Result<Option<DeploymentRecord>, RecordError> {
        Ok(self
            .records
            .load::<DeploymentRecord>(id)
            .await?
            .map(|(record, _)| record))
    }
}
