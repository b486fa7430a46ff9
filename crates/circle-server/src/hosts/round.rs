//! One look at one host: what is there, what is to be there.

use std::convert::Infallible;

use circle_core::ids::{HostId, WorkerId};
use circle_store::records::Version;
use uuid::Uuid;

use super::judge::{Verdict, judge};
use super::{HostError, Sight, Start, WorkerHost};
use crate::auth::mint;
use crate::http::ApiError;
use crate::limits::HOST_START_MS;
use crate::queue::HostPlaces;
use crate::records::{HostFinding, HostRecord, Posting, TokenKind, WorkerRecord};
use crate::server::Server;
use crate::time::now_ms;

/// The problem of a host that could not be looked at. Whoever registers it or asks for a look wants to hear of it now.
pub(super) async fn not_opened(server: &Server, record: &HostRecord, error: HostError) -> String {
    let problem = error.to_string();
    if record.finding.is_none() {
        let finding = HostFinding {
            faults: vec![problem.clone()],
            at: now_ms(),
            ..HostFinding::default()
        };
        if let Err(error) = write(server, record.id, &finding).await {
            tracing::warn!(host = %record.id, error, "what was found at a host was not written down");
        }
    }
    problem
}

async fn write(server: &Server, host: HostId, finding: &HostFinding) -> Result<(), String> {
    let put = |record: &mut HostRecord| {
        record.finding = Some(finding.clone());
        Ok::<(), Infallible>(())
    };
    let written = server.records.update(&host.to_string(), put).await;
    written.map(drop).map_err(|error| error.to_string())
}

/// One look at one host.
pub(super) struct Round<'a> {
    pub(super) server: &'a Server,
    pub(super) record: &'a HostRecord,
    pub(super) host: &'a dyn WorkerHost,
}

impl Round<'_> {
    /// Looks whether the host can take runs, and writes down what was found.
    pub(super) async fn look(&self) -> Result<(), String> {
        let finding = match self.host.inspect().await {
            Ok(finding) => finding,
            Err(error) => return Err(not_opened(self.server, self.record, error).await),
        };
        tracing::info!(host = %self.record.id, faults = ?finding.faults, "a host was looked at");
        write(self.server, self.record.id, &finding).await
    }

    /// Removes what is over, from the host and from the records; how many workers are left.
    pub(super) async fn settle(&self) -> Result<u32, String> {
        let mut seen = self.host.workers().await.map_err(|error| error.to_string())?;
        let mut busy = 0;
        let mut problem = None;
        for (worker, version) in self.known().await? {
            let id = worker.id;
            let verdict = self.judge(&worker, seen.remove(&id));
            match verdict {
                Verdict::Keep => {
                    busy += 1;
                    continue;
                }
                Verdict::Remove => {}
                Verdict::Failed(why) => {
                    let words = self.host.last_words(id).await;
                    problem = Some(match words.is_empty() {
                        true => why.to_owned(),
                        false => format!("{why}; it said: {words}"),
                    });
                }
            }
            self.end(worker, version).await?;
        }
        // What nobody knows: a start that a crash cut off, or a record that somebody removed.
        for worker in seen.into_keys() {
            self.host.remove(worker).await.map_err(|error| error.to_string())?;
        }
        match problem {
            Some(problem) => Err(problem),
            None => Ok(busy),
        }
    }

    async fn known(&self) -> Result<Vec<(WorkerRecord, Version)>, String> {
        let known = self.server.workers_of_host(self.record.id).await;
        known.map_err(|error| error.to_string())
    }

    fn judge(&self, worker: &WorkerRecord, seen: Option<Sight>) -> Verdict {
        let Some(posting) = worker.posting else {
            return Verdict::Remove;
        };
        let queue = &self.server.queue;
        let has_lease = queue.is_leased(posting.run, worker.id);
        let age_ms = now_ms() - worker.created_at;
        judge(queue.post(posting.run, worker.id), seen, has_lease, age_ms)
    }

    /// First there, then here: a record without a worker is found again, a worker without a record, too.
    async fn end(&self, worker: WorkerRecord, version: Version) -> Result<(), String> {
        let (id, name) = (worker.id, worker.name.clone());
        self.host.remove(id).await.map_err(|error| error.to_string())?;
        let ended = self.server.end_worker(worker, version).await;
        ended.map_err(|error| error.to_string())?;
        self.server.queue.give_back(id, now_ms());
        tracing::info!(host = %self.record.id, worker = name, "a worker of a host is gone");
        Ok(())
    }

    pub(super) async fn clear(&self, version: Version) -> Result<(), String> {
        self.host.clear().await.map_err(|error| error.to_string())?;
        let forgotten = self.server.forget_host(self.record, version).await;
        forgotten.map_err(|error| error.to_string())?;
        tracing::info!(host = %self.record.id, "a host was removed");
        Ok(())
    }

    /// Starts workers while there is a place and a run for it.
    pub(super) async fn fill(&self, mut busy: u32) -> Result<(), String> {
        loop {
            self.tell_queue(busy);
            if !self.record.takes_runs() || busy >= self.record.settings.cells {
                return Ok(());
            }
            let worker = WorkerId::from_uuid(Uuid::now_v7());
            let Some(run) = self.server.queue.keep_for(worker, self.record.reach(), now_ms()) else {
                return Ok(());
            };
            let posting = Posting {
                host: self.record.id,
                run,
            };
            if let Err(problem) = self.begin(worker, posting).await {
                self.server.queue.give_back(worker, now_ms());
                return Err(problem);
            }
            busy += 1;
        }
    }

    fn tell_queue(&self, busy: u32) {
        if !self.record.takes_runs() {
            return self.server.queue.forget_host(self.record.id);
        }
        let places = HostPlaces {
            reach: self.record.reach(),
            cells: self.record.settings.cells,
            busy,
        };
        let name = self.record.name.as_str();
        self.server.queue.set_host(self.record.id, name, Ok(places));
    }

    async fn begin(&self, worker: WorkerId, posting: Posting) -> Result<(), String> {
        let start = self.admit(worker, posting).await.map_err(|error| error.to_string())?;
        let begun = self.host.start(&start).await;
        if let Err(error) = begun {
            self.unadmit(worker).await;
            return Err(error.to_string());
        }
        tracing::info!(host = %self.record.id, run = %posting.run, worker = start.name, "a worker was started on a host");
        Ok(())
    }

    /// The record of a worker that is to come, and the token that lets it in once.
    async fn admit(&self, worker: WorkerId, posting: Posting) -> Result<Start, ApiError> {
        let now = now_ms();
        let minted = mint(TokenKind::Enrolment.prefix());
        let digits = worker.uuid().simple().to_string();
        let name = format!("{}-{}", self.record.name, &digits[digits.len() - 12..]);
        let mut token = minted.record(TokenKind::Enrolment, format!("for {}", posting.run), now);
        token.expires_at = Some(now.saturating_add(HOST_START_MS * 2));
        (token.workspace, token.worker) = (self.record.workspace, Some(worker));
        self.server.records.insert(&token).await?;
        let finding = self.record.finding.clone().unwrap_or_default();
        let record = WorkerRecord {
            id: worker,
            name: name.clone(),
            facts: circle_api::worker::WorkerFacts {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                arch: finding.arch,
                max_cells: 1,
                warm_cells: 0,
                memory_bytes: finding.memory_bytes,
                cpus: finding.cpus,
            },
            workspace: self.record.workspace,
            token: token.id,
            posting: Some(posting),
            draining: false,
            seen_at: None,
            created_at: now,
        };
        self.server.records.insert(&record).await?;
        Ok(Start {
            worker,
            name,
            run: posting.run,
            enrolment: minted.value,
        })
    }

    /// If this fails, the next round finds a record without a worker.
    async fn unadmit(&self, worker: WorkerId) {
        let known = self.server.records.load::<WorkerRecord>(&worker.to_string()).await;
        if let Ok(Some((record, version))) = known
            && let Err(error) = self.server.end_worker(record, version).await
        {
            tracing::debug!(%error, %worker, "the record of a worker that did not start stays until later");
        }
    }
}
