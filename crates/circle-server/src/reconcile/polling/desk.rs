//! Who is looked at now: services that are due, a few at a time, fewer of one host.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use circle_core::service::Service;
use circle_store::records::{FindAll, Kind, Query, RecordError, StoreError, kinds};
use circle_vcs::RepositoryUrl;
use tokio::task::JoinSet;

use super::look::look;
use crate::http::ApiError;
use crate::limits::{LOOP_PERIOD, POLLS_AT_ONCE, POLLS_OF_A_HOST};
use crate::records::{PollRecord, ServiceRecord};
use crate::server::Server;
use crate::time::now_ms;

/// Heads of one look at what is due.
const PAGE: usize = 500;
/// Due services that are passed over because their host has enough; those behind them are found when these are done.
const PASSED: usize = 20_000;

/// Runs until the server goes down.
pub(in crate::reconcile) async fn run(server: Arc<Server>) {
    let mut services = server.records.store().changes(Kind::Service);
    let mut looks = JoinSet::new();
    let mut busy = Busy::default();
    let mut unadopted = true;
    loop {
        if unadopted {
            match adopt(&server).await {
                Ok(()) => unadopted = false,
                Err(error) => tracing::warn!(%error, "services to be polled cannot be read; it is tried again"),
            }
        }
        let next = fill(&server, &mut busy, &mut looks).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "what is to be polled cannot be read; it is tried again");
            LOOP_PERIOD
        });
        tokio::select! {
            () = server.shutdown.cancelled() => break,
            () = services.changed() => unadopted = true,
            Some(done) = looks.join_next() => match done {
                Ok((id, origin)) => busy.done(&id, &origin),
                Err(error) => {
                    tracing::error!(%error, "a look at a repository died");
                    looks.shutdown().await;
                    busy = Busy::default();
                }
            },
            () = tokio::time::sleep(next) => {}
        }
    }
    looks.shutdown().await;
}

/// Looks that are under way.
#[derive(Debug, Default)]
struct Busy {
    services: HashSet<String>,
    hosts: HashMap<String, usize>,
}

impl Busy {
    fn is_full(&self) -> bool {
        self.services.len() >= POLLS_AT_ONCE
    }

    /// Takes a service if its host has room.
    fn take(&mut self, id: &str, origin: &str) -> bool {
        let count = self.hosts.get(origin).copied().unwrap_or(0);
        if count >= POLLS_OF_A_HOST || self.services.contains(id) {
            return false;
        }
        self.services.insert(id.to_owned());
        self.hosts.insert(origin.to_owned(), count + 1);
        true
    }

    fn done(&mut self, id: &str, origin: &str) {
        self.services.remove(id);
        match self.hosts.get_mut(origin) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                self.hosts.remove(origin);
            }
        }
    }
}

/// Begins looks while there is room; says how long nothing will be due.
async fn fill(
    server: &Arc<Server>,
    busy: &mut Busy,
    looks: &mut JoinSet<(String, String)>,
) -> Result<Duration, StoreError> {
    let now = now_ms();
    let mut due = FindAll::new(
        server.records.store().as_ref(),
        Query::over(kinds::POLL_DUE).limit(PAGE),
    );
    let mut passed = 0;
    while let Some(heads) = due.next().await? {
        for head in heads {
            let at = head.number("/due").unwrap_or(0);
            if at > now {
                let wait = Duration::from_millis(at.abs_diff(now));
                return Ok(wait.min(LOOP_PERIOD));
            }
            if busy.is_full() || passed >= PASSED {
                return Ok(LOOP_PERIOD);
            }
            let origin = head.text("/origin").unwrap_or_default().to_owned();
            if !busy.take(&head.id, &origin) {
                passed += 1;
                continue;
            }
            let (server, id) = (Arc::clone(server), head.id);
            looks.spawn(async move {
                if let Err(error) = look(&server, &id).await {
                    tracing::warn!(service = id, %error, "a repository was not looked at to the end; it is tried again");
                    // A store in trouble is not asked without end; the looks of this host wait with it.
                    tokio::time::sleep(LOOP_PERIOD).await;
                }
                (id, origin)
            });
        }
    }
    Ok(LOOP_PERIOD)
}

/// Every service that is polled has its record, with the interval and the address of now, and no other has one.
async fn adopt(server: &Server) -> Result<(), ApiError> {
    let mut polled = HashSet::new();
    let services = Query::over(kinds::SERVICE_POLL).limit(PAGE);
    let mut pages = FindAll::new(server.records.store().as_ref(), services);
    while let Some(heads) = pages.next().await? {
        for head in heads {
            if let Some((ServiceRecord(service), _)) = server.records.load::<ServiceRecord>(&head.id).await? {
                adopt_one(server, &service).await?;
            }
            polled.insert(head.id);
        }
    }
    let mut pages = FindAll::new(server.records.store().as_ref(), Query::all(Kind::Poll).limit(PAGE));
    while let Some(heads) = pages.next().await? {
        for head in heads.into_iter().filter(|head| !polled.contains(&head.id)) {
            match server.records.delete::<PollRecord>(&head.id, head.version).await {
                // A look was faster, and does it itself.
                Ok(()) | Err(RecordError::Store(StoreError::Stale { .. })) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}

async fn adopt_one(server: &Server, service: &Service) -> Result<(), ApiError> {
    let Some(interval_s) = service.poll_s else {
        return Ok(());
    };
    let origin = RepositoryUrl::parse(&service.repository).map(|url| url.origin().to_owned());
    let origin = origin.unwrap_or_default();
    let fresh = PollRecord {
        service: service.id,
        repository: service.repository.clone(),
        origin: origin.clone(),
        interval_s,
        since: now_ms(),
        round: 0,
        seen: None,
        refs: 0,
        pending: Vec::new(),
        // The first look makes the base line: the sooner, the less is missed.
        due: now_ms(),
        looked_at: None,
        changed_at: None,
        failures: 0,
        trouble: None,
    };
    match server.records.insert(&fresh).await {
        Ok(_) => return Ok(()),
        Err(RecordError::Store(StoreError::Conflict { .. })) => {}
        Err(error) => return Err(error.into()),
    }
    let set = |poll: &mut PollRecord| {
        if poll.repository != service.repository {
            *poll = fresh.clone();
        }
        if poll.interval_s != interval_s {
            (poll.interval_s, poll.due) = (interval_s, now_ms());
        }
        Ok::<(), ApiError>(())
    };
    server.records.update(&service.id.to_string(), set).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Busy;
    use crate::limits::{POLLS_AT_ONCE, POLLS_OF_A_HOST};

    #[test]
    fn a_host_has_a_few_places_and_gives_them_back() {
        let mut busy = Busy::default();
        for number in 0..POLLS_OF_A_HOST {
            assert!(busy.take(&format!("slow-{number}"), "https://slow"));
            assert!(
                !busy.take(&format!("slow-{number}"), "https://other"),
                "it is looked at already"
            );
        }
        assert!(!busy.take("slow-more", "https://slow"));
        assert!(busy.take("quick", "https://quick"));
        busy.done("slow-0", "https://slow");
        assert!(busy.take("slow-more", "https://slow"));
        for number in 0.. {
            if busy.is_full() {
                break;
            }
            assert!(busy.take(&format!("s{number}"), &format!("https://h{number}")));
        }
        assert_eq!(busy.services.len(), POLLS_AT_ONCE);
    }
}
