//! The one thread that writes: waiting writes share a transaction, and so one sync of the disk.

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
/// Does the work inside the transaction.
type Job = Box<dyn FnOnce(&mut Write<'_>) -> Finish + Send>;

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
        let job: Job = Box::new(move |write| {
            let result = in_savepoint(write, work);
            Box::new(move |commit| {
                let result = commit.and(result);
                if let Ok(value) = &result {
                    committed(value);
                }
                // A caller that went away does not want the answer.
                let _ = answer.send(result);
            })
        });
        let gone = || StoreError::Unavailable {
            reason: "the store was closed".to_owned(),
        };
        let jobs = self.jobs.as_ref().ok_or_else(gone)?;
        jobs.send(job).await.map_err(|_| gone())?;
        outcome.await.map_err(|_| gone())?
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
    while let Some(first) = queue.blocking_recv() {
        let mut group = vec![first];
        while group.len() < GROUP {
            match queue.try_recv() {
                Ok(job) => group.push(job),
                Err(_) => break,
            }
        }
        commit_group(&connection, group, &mut sequence);
    }
    if let Err(error) = connection.close() {
        tracing::warn!(error = %error.1, "the store's database did not close cleanly");
    }
}

fn commit_group(connection: &Connection, group: Vec<Job>, sequence: &mut i64) {
    let before = *sequence;
    let mut finishes = Vec::with_capacity(group.len());
    let mut outcome = connection.execute_batch("BEGIN IMMEDIATE").map_err(sql);
    for job in group {
        finishes.push(job(&mut Write { connection, sequence }));
        // SQLite ends the whole transaction by itself when, for example, the disk is full.
        if outcome.is_ok() && connection.is_autocommit() {
            outcome = Err(StoreError::Full);
        }
    }
    if outcome.is_ok() {
        outcome = commit(connection, before, *sequence);
    }
    if outcome.is_err() && !connection.is_autocommit() {
        let rolled_back = connection.execute_batch("ROLLBACK");
        tracing::warn!(?outcome, ?rolled_back, "a commit failed");
    }
    for finish in finishes {
        finish(outcome.clone());
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
    connection.execute_batch("COMMIT").map_err(sql)
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
