//! The embedded adapter: fences on the disk, renewals in memory.
//!
//! Who holds what is a row, written by the store's writer in its order: an acquisition is committed together with the next write,
//! which is what its holder does with it (ADR 017). A mirror of the rows in memory answers all questions and takes the
//! renewals, so that a heartbeat costs no write. A row's own end is only what was known when it was acquired; after a restart
//! the mirror adds a whole time from the first moment it hears of.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{Acquire, Fence, LEASE_NAME_BYTES, LIST_LIMIT, Lease, LeaseError, Leases, MAX_TTL_MS};
use crate::records::StoreError;
use crate::records::embedded::{Write, Writer, sql};

/// Leases in the file of an [`crate::records::EmbeddedStore`].
#[derive(Debug)]
pub struct EmbeddedLeases {
    writer: Arc<Writer>,
    mirror: Arc<Mutex<Mirror>>,
}

/// What is held, by name.
#[derive(Debug, Default)]
struct Mirror {
    held: BTreeMap<String, Held>,
    /// The first moment heard of since the start.
    started_ms: Option<i64>,
}

#[derive(Debug, Clone)]
struct Held {
    lease: Lease,
    ttl_ms: i64,
    /// From before the start: its renewals are not known.
    inherited: bool,
}

/// What the writer decided.
enum Decision {
    Given(Held),
    Refused(Lease),
}

impl EmbeddedLeases {
    pub(crate) async fn load(writer: Arc<Writer>) -> Result<Self, StoreError> {
        let rows = writer.submit(|write| rows(write.connection), |_| ()).await?;
        let held = rows.into_iter().map(|held| (held.lease.name.clone(), held)).collect();
        let mirror = Arc::new(Mutex::new(Mirror { held, started_ms: None }));
        Ok(Self { writer, mirror })
    }

    fn mirror(&self) -> MutexGuard<'_, Mirror> {
        lock(&self.mirror)
    }
}

#[async_trait]
impl Leases for EmbeddedLeases {
    async fn acquire(&self, wish: Acquire, now_ms: i64) -> Result<Lease, LeaseError> {
        check(&wish.name, wish.ttl_ms)?;
        check(&wish.holder, wish.ttl_ms)?;
        self.mirror().hear(now_ms);
        let (mirror, given) = (Arc::clone(&self.mirror), Arc::new(OnceLock::new()));
        let (undone, gave) = (Arc::clone(&self.mirror), Arc::clone(&given));
        let work = move |write: &mut Write<'_>| {
            let decision = decide(write, &mirror, wish, now_ms)?;
            if let Decision::Given(held) = &decision {
                let before = lock(&mirror).held.insert(held.lease.name.clone(), held.clone());
                let _ = given.set((held.lease.clone(), before));
            }
            Ok(decision)
        };
        let undo = move || {
            if let Some((lease, before)) = gave.get() {
                lock(&undone).take_back(lease, before.clone());
            }
        };
        match self.writer.submit_ahead(work, undo).await.map_err(unavailable)? {
            Decision::Given(held) => Ok(held.lease),
            Decision::Refused(lease) => Err(LeaseError::Held(Box::new(lease))),
        }
    }

    async fn renew(&self, name: &str, fence: Fence, ttl_ms: i64, now_ms: i64) -> Result<Lease, LeaseError> {
        check(name, ttl_ms)?;
        let mut mirror = self.mirror();
        mirror.hear(now_ms);
        let held = mirror.held.get_mut(name).filter(|held| held.lease.fence == fence);
        let held = held.ok_or_else(|| LeaseError::Lost { name: name.to_owned() })?;
        held.lease.until_ms = held.lease.until_ms.max(now_ms.saturating_add(ttl_ms));
        Ok(held.lease.clone())
    }

    async fn release(&self, name: &str, fence: Fence) -> Result<(), LeaseError> {
        let (row, gone, mirror) = (name.to_owned(), name.to_owned(), Arc::clone(&self.mirror));
        let work = move |write: &mut Write<'_>| remove(write.connection, &row, fence);
        let committed = move |removed: &bool| {
            if *removed {
                lock(&mirror).held.remove(&gone);
            }
        };
        match self.writer.submit(work, committed).await.map_err(unavailable)? {
            true => Ok(()),
            false => Err(LeaseError::Lost { name: name.to_owned() }),
        }
    }

    async fn expired(&self, now_ms: i64) -> Result<Vec<Lease>, LeaseError> {
        let mut mirror = self.mirror();
        mirror.hear(now_ms);
        let past = mirror.held.values().filter(|held| held.lease.until_ms <= now_ms);
        let mut past: Vec<Lease> = past.map(|held| held.lease.clone()).collect();
        past.sort_by_key(|lease| (lease.until_ms, lease.fence));
        past.truncate(LIST_LIMIT);
        Ok(past)
    }

    async fn current(&self, name: &str) -> Result<Option<Lease>, LeaseError> {
        Ok(self.mirror().held.get(name).map(|held| held.lease.clone()))
    }

    async fn held(&self, prefix: &str) -> Result<Vec<Lease>, LeaseError> {
        let mirror = self.mirror();
        let from = mirror.held.range(prefix.to_owned()..);
        let within = from.take_while(|(name, _)| name.starts_with(prefix)).take(LIST_LIMIT);
        Ok(within.map(|(_, held)| held.lease.clone()).collect())
    }
}

impl Mirror {
    /// What was acquired did not reach the disk: it was never given, unless somebody acquired since.
    fn take_back(&mut self, lease: &Lease, before: Option<Held>) {
        let is_last = |held: &Held| held.lease.fence == lease.fence;
        if !self.held.get(&lease.name).is_some_and(is_last) {
            return;
        }
        match before {
            Some(before) => self.held.insert(lease.name.clone(), before),
            None => self.held.remove(&lease.name),
        };
    }

    /// At the first moment after a start, everything inherited gets its whole time again.
    fn hear(&mut self, now_ms: i64) {
        if self.started_ms.is_some() {
            return;
        }
        self.started_ms = Some(now_ms);
        for held in self.held.values_mut().filter(|held| held.inherited) {
            held.lease.until_ms = held.lease.until_ms.max(now_ms.saturating_add(held.ttl_ms));
        }
    }
}

/// Runs on the writer's thread: the row says who holds the name, the mirror how long.
fn decide(write: &mut Write<'_>, mirror: &Mutex<Mirror>, wish: Acquire, now_ms: i64) -> Result<Decision, StoreError> {
    if let Some(held) = row(write.connection, &wish.name)? {
        let lease = with_renewals(held.lease, &lock(mirror));
        if lease.holder != wish.holder && now_ms < lease.until_ms {
            return Ok(Decision::Refused(lease));
        }
    }
    let number = write.next_number();
    let until_ms = now_ms.saturating_add(wish.ttl_ms);
    let put = "INSERT INTO lease (name, fence, holder, ttl_ms, until_ms) VALUES (?1, ?2, ?3, ?4, ?5) \
               ON CONFLICT (name) DO UPDATE SET fence = ?2, holder = ?3, ttl_ms = ?4, until_ms = ?5";
    let mut statement = write.connection.prepare_cached(put).map_err(sql)?;
    statement
        .execute(params![wish.name, number, wish.holder, wish.ttl_ms, until_ms])
        .map_err(sql)?;
    let lease = Lease {
        name: wish.name,
        holder: wish.holder,
        fence: Fence(number.unsigned_abs()),
        until_ms,
    };
    Ok(Decision::Given(Held {
        lease,
        ttl_ms: wish.ttl_ms,
        inherited: false,
    }))
}

fn with_renewals(mut lease: Lease, mirror: &Mirror) -> Lease {
    if let Some(known) = mirror
        .held
        .get(&lease.name)
        .filter(|known| known.lease.fence == lease.fence)
    {
        lease.until_ms = lease.until_ms.max(known.lease.until_ms);
    }
    lease
}

fn row(connection: &Connection, name: &str) -> Result<Option<Held>, StoreError> {
    let find = "SELECT name, fence, holder, ttl_ms, until_ms FROM lease WHERE name = ?1";
    let mut statement = connection.prepare_cached(find).map_err(sql)?;
    statement.query_row([name], read_row).optional().map_err(sql)
}

fn rows(connection: &Connection) -> Result<Vec<Held>, StoreError> {
    let mut statement = connection
        .prepare("SELECT name, fence, holder, ttl_ms, until_ms FROM lease")
        .map_err(sql)?;
    let rows = statement.query_map([], read_row).map_err(sql)?;
    rows.collect::<Result<_, _>>().map_err(sql)
}

fn read_row(row: &Row<'_>) -> rusqlite::Result<Held> {
    let fence: i64 = row.get(1)?;
    let lease = Lease {
        name: row.get(0)?,
        fence: Fence(fence.unsigned_abs()),
        holder: row.get(2)?,
        until_ms: row.get(4)?,
    };
    Ok(Held {
        lease,
        ttl_ms: row.get(3)?,
        inherited: true,
    })
}

fn remove(connection: &Connection, name: &str, fence: Fence) -> Result<bool, StoreError> {
    let Ok(number) = i64::try_from(fence.0) else {
        return Ok(false);
    };
    let delete = "DELETE FROM lease WHERE name = ?1 AND fence = ?2";
    let mut statement = connection.prepare_cached(delete).map_err(sql)?;
    Ok(statement.execute(params![name, number]).map_err(sql)? == 1)
}

fn check(name: &str, ttl_ms: i64) -> Result<(), LeaseError> {
    if name.is_empty() || name.len() > LEASE_NAME_BYTES {
        return Err(LeaseError::Invalid {
            reason: format!("a name has 1 to {LEASE_NAME_BYTES} bytes, not {}", name.len()),
        });
    }
    if !(1..=MAX_TTL_MS).contains(&ttl_ms) {
        return Err(LeaseError::Invalid {
            reason: format!("a lease lasts 1 to {MAX_TTL_MS} ms, not {ttl_ms}"),
        });
    }
    Ok(())
}

fn unavailable(error: StoreError) -> LeaseError {
    LeaseError::Unavailable {
        reason: error.to_string(),
    }
}

fn lock(mirror: &Mutex<Mirror>) -> MutexGuard<'_, Mirror> {
    mirror.lock().unwrap_or_else(PoisonError::into_inner)
}
