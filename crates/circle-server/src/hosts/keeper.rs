//! One loop a host: what the records say is brought about there.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use circle_core::ids::HostId;
use circle_store::records::{Kind, Query, kinds};
use tokio::task::JoinSet;

use super::round::{Round, not_opened};
use super::{WorkerHost, open};
use crate::http::ApiError;
use crate::limits::LOOP_PERIOD;
use crate::records::{HostRecord, HostWish};
use crate::server::Server;

/// After the first failure; twice as long after each of the next.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Keeps one loop for each host until the server goes down.
pub(crate) async fn run(server: Arc<Server>) {
    let mut changes = server.records.store().changes(Kind::Host);
    let mut loops = JoinSet::new();
    let mut running: BTreeMap<HostId, tokio::task::AbortHandle> = BTreeMap::new();
    loop {
        match all(&server).await {
            Ok(hosts) => {
                for host in hosts {
                    let ended = running.get(&host).is_none_or(tokio::task::AbortHandle::is_finished);
                    if ended {
                        running.insert(host, loops.spawn(keep(Arc::clone(&server), host)));
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "hosts cannot be read; it is tried again"),
        }
        tokio::select! {
            () = server.shutdown.cancelled() => break,
            () = changes.changed() => {}
            Some(_) = loops.join_next() => {}
            () = tokio::time::sleep(LOOP_PERIOD) => {}
        }
    }
    loops.shutdown().await;
}

async fn all(server: &Server) -> Result<Vec<HostId>, ApiError> {
    let hosts = server
        .records
        .load_all::<HostRecord>(Query::over(kinds::HOST_NAME))
        .await?;
    Ok(hosts.into_iter().map(|(host, _)| host.id).collect())
}

/// One host's loop; ends when its record is gone.
async fn keep(server: Arc<Server>, id: HostId) {
    let mut changes = server.records.store().changes(Kind::Host);
    let mut wanted = server.queue.hosts_wanted();
    let mut keeper = Keeper {
        server: Arc::clone(&server),
        id,
        host: None,
        name: id.to_string(),
        pause: FIRST_PAUSE,
    };
    loop {
        let pause = match keeper.tend().await {
            Ok(Tended::Gone) => break,
            Ok(Tended::Done) => {
                keeper.pause = FIRST_PAUSE;
                LOOP_PERIOD
            }
            Err(problem) => keeper.failed(&problem),
        };
        tokio::select! {
            () = server.shutdown.cancelled() => break,
            () = changes.changed() => {}
            Ok(()) = wanted.changed() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
    server.queue.forget_host(id);
}

/// What came of one round.
enum Tended {
    Done,
    /// There is nothing to keep any more.
    Gone,
}

struct Keeper {
    server: Arc<Server>,
    id: HostId,
    /// Opened for the record as it was then.
    host: Option<(HostRecord, Box<dyn WorkerHost>)>,
    name: String,
    pause: Duration,
}

impl Keeper {
    /// Says what is wrong, and how long to wait before the next try.
    fn failed(&mut self, problem: &str) -> Duration {
        tracing::warn!(host = %self.id, problem, pause = ?self.pause, "a host gives trouble; it is tried again");
        self.server.queue.set_host(self.id, &self.name, Err(problem.to_owned()));
        // It may have got other keys, or another address.
        self.host = None;
        let pause = self.pause.mul_f64(rand::random_range(0.75..1.25));
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        pause
    }

    async fn tend(&mut self) -> Result<Tended, String> {
        let found = self.server.records.load::<HostRecord>(&self.id.to_string()).await;
        let Some((record, version)) = found.map_err(|error| error.to_string())? else {
            return Ok(Tended::Gone);
        };
        self.name = record.name.to_string();
        let is_known = self
            .host
            .as_ref()
            .is_some_and(|(known, _)| known.settings == record.settings && known.tls == record.tls);
        if !is_known {
            match open(&self.server, &record).await {
                Ok(host) => self.host = Some((record.clone(), host)),
                Err(error) => return Err(not_opened(&self.server, &record, error).await),
            }
        }
        let Some((_, host)) = &self.host else {
            return Ok(Tended::Done);
        };
        let round = Round {
            server: &self.server,
            record: &record,
            host: host.as_ref(),
        };
        if record.finding.is_none() && record.wish != HostWish::Remove {
            round.look().await?;
            // The finding is a change, so the next round begins at once.
            return Ok(Tended::Done);
        }
        let busy = round.settle().await?;
        if record.wish == HostWish::Remove && busy == 0 {
            round.clear(version).await?;
            return Ok(Tended::Gone);
        }
        round.fill(busy).await?;
        Ok(Tended::Done)
    }
}
