//! What every handler and loop shares: the stores, the vault, and the views in memory.

use std::sync::Arc;

use circle_net::Net;
use circle_store::blobs::Blobs;
use circle_store::leases::Leases;
use circle_store::logs::{LogArchive, LogBus};
use circle_store::records::Records;
use jiff::Timestamp;
use tokio::sync::{Mutex, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::auth::{Passwords, Tries};
use crate::backup::{Sources, Turns};
use crate::config::ServerConfig;
use crate::http::{HookKeys, LiveTickets, Meeting, OauthFlows, Once};
use crate::identity::SignIns;
use crate::limits;
use crate::metrics::Metrics;
use crate::queue::{Questions, Queue};
use crate::reconcile::Repositories;
use crate::runs::{Closings, Feed, LogDesk, NumberTurns, Watchers};
use crate::vault::Vault;

/// The server's parts. Stores are believed, views in memory are rebuilt from them at any time.
#[derive(Debug)]
pub struct Server {
    /// What the operator set.
    pub config: ServerConfig,
    /// Documents.
    pub records: Records,
    /// Who may act on a run's part.
    pub leases: Arc<dyn Leases>,
    /// Appends and follows logs.
    pub log_bus: Arc<dyn LogBus>,
    /// Reads logs at random.
    pub log_archive: Arc<dyn LogArchive>,
    /// Stages' outputs.
    pub blobs: Arc<dyn Blobs>,
    /// Seals and opens secrets.
    pub vault: Arc<Vault>,
    /// Cancelled when the server goes down.
    pub shutdown: CancellationToken,
    pub(crate) queue: Queue,
    pub(crate) watchers: Watchers,
    pub(crate) feed: Feed,
    pub(crate) once: Once,
    pub(crate) event_places: Arc<Semaphore>,
    pub(crate) log_desk: LogDesk,
    pub(crate) closings: Closings,
    pub(crate) number_turns: NumberTurns,
    pub(crate) hook_keys: HookKeys,
    pub(crate) repositories: Repositories,
    pub(crate) oauth_flows: OauthFlows,
    /// Held while a forge makes a token fresh.
    pub(crate) forge_refresh: Mutex<()>,
    pub(crate) live: Arc<Semaphore>,
    pub(crate) live_tickets: LiveTickets,
    pub(crate) passwords: Passwords,
    pub(crate) tries: Tries,
    pub(crate) sign_ins: SignIns,
    pub(crate) shells: Meeting,
    pub(crate) questions: Questions,
    pub(crate) metrics: Metrics,
    /// The one client for calls into the world.
    pub net: Net,
    pub(crate) backups: Turns,
    pub(crate) large_bodies: Semaphore,
    pub(crate) started_at: Timestamp,
}

/// The stores that a server stands on.
#[derive(Debug, Clone)]
pub struct Stores {
    /// Documents.
    pub records: Records,
    /// Who may act on a run's part.
    pub leases: Arc<dyn Leases>,
    /// Appends and follows logs.
    pub log_bus: Arc<dyn LogBus>,
    /// Reads logs at random.
    pub log_archive: Arc<dyn LogArchive>,
    /// Stages' outputs.
    pub blobs: Arc<dyn Blobs>,
    /// What a backup is made of.
    pub sources: Sources,
}

impl Server {
    pub(crate) fn new(config: ServerConfig, stores: Stores, vault: Vault, shutdown: CancellationToken) -> Self {
        let Stores {
            records,
            leases,
            log_bus,
            log_archive,
            blobs,
            sources,
        } = stores;
        let net = Net::new(config.allow_outgoing.clone());
        Self {
            repositories: Repositories::new(config.data.join("mirrors"), net.clone()),
            oauth_flows: OauthFlows::default(),
            forge_refresh: Mutex::default(),
            queue: Queue::default(),
            watchers: Watchers::default(),
            feed: Feed::default(),
            once: Once::default(),
            event_places: Arc::new(Semaphore::new(limits::EVENT_READERS)),
            log_desk: LogDesk::default(),
            closings: Closings::default(),
            number_turns: NumberTurns::default(),
            hook_keys: HookKeys::default(),
            live_tickets: LiveTickets::default(),
            live: Arc::new(Semaphore::new(limits::LIVE_CONNECTIONS)),
            passwords: Passwords::default(),
            tries: Tries::default(),
            sign_ins: SignIns::default(),
            shells: Meeting::default(),
            questions: Questions::default(),
            metrics: Metrics::default(),
            net,
            backups: Turns::new(sources),
            large_bodies: Semaphore::new(limits::LARGE_BODIES),
            started_at: crate::time::now(),
            config,
            records,
            leases,
            log_bus,
            log_archive,
            blobs,
            vault: Arc::new(vault),
            shutdown,
        }
    }
}
