//! The one thread that writes: waiting writes share a transaction, and so one sync of the disk.
//!
//! A write that nobody waits for to be on the disk is done in the transaction and answered; the transaction stays open until a
//! write comes that is waited for, and both are committed at once (ADR 017).

use std::fmt;
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::sqlite_error::sql;
use crate::folder_lock::FolderLock;
use crate::records::StoreError;

/// Writes that may wait; more make their callers wait.
const QUEUE: usize = 1024;
/// Writes that share one commit: bounds how long the first of them waits for the last.
const GROUP: usize = 256;

/// Told the commit's outcome; answers the caller.
type Finish = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// A write on its way to the thread.
struct Job {
    /// Does the work inside the transaction.
    work: Box<dyn FnOnce(&mut Write<'_>) -> Finish + Send>,
    /// Whether somebody waits for the commit.
    is_awaited: bool,
}

/// Writes that share one transaction.
struct Group {
    finishes: Vec<Finish>,
    outcome: Result<(), StoreError>,
    /// The sequence before the first of them.
    before: i64,
    is_awaited: bool,
}

/// What a job works with.
#[derive(Debug)]
pub(crate) struct Write<'a> {
    /// Inside a transaction and a savepoint.
    pub(crate) connection: &'a Connection,
    sequence: &'a mut i64,
}

impl Write<'_> {
    /// A number never given before; kept with the commit.
    pub(crate) fn next_number(&mut self) -> i64 {
        *self.sequence += 1;
        *self.sequence
    }
}

/// Hands jobs to the thread. When the last owner drops it, what waits is written and the thread has ended.
pub(crate) struct Writer {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread; it keeps the folder's lock for as long as it runs.
    pub(super) fn start(connection: Connection, lock: FolderLock) -> Result<Self, StoreError> {
        let read = "SELECT value FROM meta WHERE name = 'sequence'";
        let sequence = connection.query_row(read, [], |row| row.get(0)).map_err(sql)?;
        let (jobs, queue) = mpsc::channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("circle-store".to_owned())
            .spawn(move || {
                run(connection, queue, sequence);
                drop(lock);
            })
            .map_err(|error| StoreError::Unavailable {
                reason: format!("no thread: {error}"),
            })?;
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread),
        })
    }

    /// Runs `work` in a savepoint of a shared transaction and returns once it is on the disk.
    ///
    /// If `work` fails, only its own changes are undone. `committed` runs on the writer's thread after the commit and
    /// before the answer, in the order of the commits.
    pub(crate) async fn submit<T, W, C>(&self, work: W, committed: C) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: FnOnce(&mut Write<'_>) -> Result<T, StoreError> + Send + 'static,
        C: FnOnce(&T) + Send + 'static,
    {
        let (answer, outcome) = oneshot::channel();
        let work = move |write: &mut Write<'_>| -> Finish {
            let result = in_savepoint(write, work);
            Box::new(move |commit| {
                let result = commit.and(result);
                if let Ok(value) = &result {
                    committed(value);
                }
                // A caller that went away does not want the answer.
                let _ = answer.send(result);
            })
        };
        self.hand_over(Box::new(work), true).await?;
        outcome.await.map_err(|_| closed())?
    }

    /// Runs `work` in the same way and returns as soon as it is done; it is committed no later than the next write that is
    /// submitted. `undo` runs on the writer's thread if that commit fails.
    pub(crate) async fn submit_ahead<T, W, U>(&self, work: W, undo: U) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: FnOnce(&mut Write<'_>) -> Result<T, StoreError> + Send + 'static,
        U: FnOnce() + Send + 'static,
    {
        let (answer, outcome) = oneshot::channel();
        let work = move |write: &mut Write<'_>| -> Finish {
            let _ = answer.send(in_savepoint(write, work));
            Box::new(move |commit| {
                if commit.is_err() {
                    undo();
                }
            })
        };
        self.hand_over(Box::new(work), false).await?;
        outcome.await.map_err(|_| closed())?
    }

    async fn hand_over(
        &self,
        work: Box<dyn FnOnce(&mut Write<'_>) -> Finish + Send>,
        is_awaited: bool,
    ) -> Result<(), StoreError> {
        let jobs = self.jobs.as_ref().ok_or_else(closed)?;
        jobs.send(Job { work, is_awaited }).await.map_err(|_| closed())
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Writer").finish_non_exhaustive()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the store's writer had panicked");
        }
    }
}

fn run(connection: Connection, mut queue: mpsc::Receiver<Job>, mut sequence: i64) {
    let mut open: Option<Group> = None;
    while let Some(first) = queue.blocking_recv() {
        let mut group = open.take().unwrap_or_else(|| Group::begin(&connection, sequence));
        group.add(&connection, &mut sequence, first);
        while group.finishes.len() < GROUP {
            match queue.try_recv() {
                Ok(job) => group.add(&connection, &mut sequence, job),
                Err(_) => break,
            }
        }
        if group.is_awaited || group.outcome.is_err() || group.finishes.len() >= GROUP {
            group.end(&connection, sequence);
        } else {
            open = Some(group);
        }
    }
    if let Some(group) = open {
        group.end(&connection, sequence);
    }
    if let Err(error) = connection.close() {
        tracing::warn!(error = %error.1, "the store's database did not close cleanly");
    }
}

impl Group {
    fn begin(connection: &Connection, sequence: i64) -> Self {
        Self {
            finishes: Vec::new(),
            outcome: run_sql(connection, "BEGIN IMMEDIATE"),
            before: sequence,
            is_awaited: false,
        }
    }

    fn add(&mut self, connection: &Connection, sequence: &mut i64, job: Job) {
        self.is_awaited |= job.is_awaited;
        self.finishes.push((job.work)(&mut Write { connection, sequence }));
        // SQLite ends the whole transaction by itself when, for example, the disk is full.
        if self.outcome.is_ok() && connection.is_autocommit() {
            self.outcome = Err(StoreError::Full);
        }
    }

    fn end(self, connection: &Connection, sequence: i64) {
        let mut outcome = self.outcome;
        if outcome.is_ok() {
            outcome = commit(connection, self.before, sequence);
        }
        if outcome.is_err() && !connection.is_autocommit() {
            let rolled_back = connection.execute_batch("ROLLBACK");
            tracing::warn!(?outcome, ?rolled_back, "a commit failed");
        }
        for finish in self.finishes {
            finish(outcome.clone());
        }
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable {
        reason: "the store was closed".to_owned(),
    }
}

fn commit(connection: &Connection, before: i64, sequence: i64) -> Result<(), StoreError> {
    if sequence != before {
        let keep = "UPDATE meta SET value = ?1 WHERE name = 'sequence'";
        connection
            .prepare_cached(keep)
            .and_then(|mut statement| statement.execute([sequence]))
            .map_err(sql)?;
    }
    run_sql(connection, "COMMIT")
}

fn in_savepoint<T>(
    write: &mut Write<'_>,
    work: impl FnOnce(&mut Write<'_>) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let connection = write.connection;
    if connection.is_autocommit() {
        // The transaction did not begin or was ended by an earlier failure: the group's outcome tells why.
        return Err(StoreError::Unavailable {
            reason: "the commit was given up".to_owned(),
        });
    }
    run_sql(connection, "SAVEPOINT one")?;
    let result = work(write);
    if connection.is_autocommit() {
        return result.and(Err(StoreError::Full));
    }
    if result.is_err() {
        run_sql(connection, "ROLLBACK TO one")?;
    }
    run_sql(connection, "RELEASE one")?;
    result
}

fn run_sql(connection: &Connection, text: &str) -> Result<(), StoreError> {
    connection
        .prepare_cached(text)
        .and_then(|mut statement| statement.execute([]))
        .map_err(sql)?;
    Ok(())
}
