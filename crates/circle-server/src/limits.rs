//! Every bound of the server, with its reason.

use std::time::Duration;

/// Body of an API request: the largest is a secret of 64 KiB, or a certificate bundle, in JSON.
pub(crate) const API_BODY_BYTES: usize = 256 * 1024;
/// Body of a hook: a push of one ref is a few hundred bytes.
pub(crate) const HOOK_BODY_BYTES: usize = 1024 * 1024;
/// Body of a forge's call: what GitHub sends at most; a push of 2,048 commits, each with its paths, has some megabytes.
pub(crate) const FORGE_BODY_BYTES: usize = 25 * 1024 * 1024;
/// A forge's call above it has to wait for one of few places: nobody knows yet whose it is.
pub(crate) const LARGE_BODY_BYTES: usize = 1024 * 1024;
/// Those places: a few hundred megabytes at the worst.
pub(crate) const LARGE_BODIES: usize = 8;
/// How long a large call waits for its place; forges give up after ten seconds.
pub(crate) const LARGE_BODY_WAIT: Duration = Duration::from_secs(8);
/// How long a large body may take to come, so that who sends slowly does not keep a place.
pub(crate) const LARGE_BODY_TIME: Duration = Duration::from_secs(30);
/// Body of a worker's message that is neither log nor output: 256 events, each with a failure's sentence.
pub(crate) const WORKER_BODY_BYTES: usize = 1024 * 1024;
/// Events of one report, as the protocol says.
pub(crate) const EVENTS_PER_REPORT: usize = 256;
/// An API request that takes longer is answered with 503; streams are exempt.
pub(crate) const REQUEST_TIME: Duration = Duration::from_secs(60);
/// A connection that has not sent its request's head by then is closed.
pub(crate) const HEADER_TIME: Duration = Duration::from_secs(15);
/// Connections at the same time; the next one waits in the kernel's backlog.
pub(crate) const CONNECTIONS: usize = 4096;
/// Orders that wait for one worker's stream; a worker that reads none of them is told again when it reconnects.
pub(crate) const ORDERS_WAITING: usize = 256;
/// An offer that nobody answered is offered to others after so long.
pub(crate) const OFFER_TIME_MS: i64 = 3_000;
/// A run is kept so long for a worker that is being started for it: its image may have to be loaded.
pub(crate) const HOST_START_MS: i64 = 120_000;
/// Cells of one worker; beyond it a worker is misconfigured.
pub(crate) const MAX_CELLS: u32 = 10_000;
/// Deliveries that are understood at the same time, each of another service.
pub(crate) const DELIVERIES_AT_ONCE: usize = 4;
/// Deliveries of one service that are handled before another service has its turn.
pub(crate) const BATCH: usize = 16;
/// Deliveries that are remembered as waiting; what is beyond it is found when these are done.
pub(crate) const BACKLOG: usize = 10_000;
/// Hook secrets that are kept open; they are opened again from the store when they are needed.
pub(crate) const HOOK_KEYS: usize = 4_096;
/// How often a delivery is tried while its repository does not answer; with [`DELIVERY_RETRY_MAX_MS`] about six minutes.
pub(crate) const DELIVERY_TRIES: u32 = 10;
/// The longest pause between two tries.
pub(crate) const DELIVERY_RETRY_MAX_MS: i64 = 60_000;
/// How long a manual trigger waits for its run before it answers 202.
pub(crate) const TRIGGER_WAIT: Duration = Duration::from_secs(10);
/// Loops run at least so often, also when no notice came.
pub(crate) const LOOP_PERIOD: Duration = Duration::from_secs(5);
/// Leases and deadlines are looked at so often; they are in memory, so a look costs microseconds.
pub(crate) const DEADLINE_PERIOD: Duration = Duration::from_millis(500);
/// Services whose runs are told of at the same time.
pub(crate) const STATUSES_AT_ONCE: usize = 8;
/// Runs that are looked at together when forges are to be told something.
pub(crate) const STATUSES_LOOKED_AT: usize = 500;
/// Of a delivery's body as much is shown; all of it is handled.
pub(crate) const BODY_SHOWN_CHARS: usize = 256 * 1024;
/// Old logs, outputs and tokens are removed so often.
pub(crate) const RETENTION_PERIOD: Duration = Duration::from_secs(3600);
/// Heads that one filtered listing looks at; beyond it the page ends early with a cursor.
pub(crate) const SCAN_HEADS: usize = 2_000;
/// Tries to find a free run number; within a server runs of a service take turns, so only other servers are in the way.
pub(crate) const NUMBER_TRIES: usize = 64;
/// Longest title, actor, reason, in characters.
pub(crate) const TITLE_CHARS: usize = 200;
/// Bytes of a log that one answer to a range request reads at a time.
pub(crate) const LOG_SLICE_BYTES: usize = 256 * 1024;
/// Groups of one stage in a log's index.
pub(crate) const LOG_GROUPS: usize = 10_000;
/// A ticket for a live connection is good for so long: a page connects at once.
pub(crate) const LIVE_TICKET_TIME: Duration = Duration::from_secs(30);
/// Tickets that were issued and not used.
pub(crate) const LIVE_TICKETS: usize = 4_096;
/// The right to follow a run is looked at again at least so often; a change on this server is noticed at once.
pub(crate) const LIVE_PERMISSION_PERIOD: Duration = Duration::from_secs(15);
/// Shells at the same time; each is two connections, and somebody who sits before one.
pub(crate) const SHELLS: usize = 32;
/// Changes of runs that are remembered for readers who come back, all workspaces together; each has about 700 bytes.
pub(crate) const FEED_CHANGES: usize = 1_024;
/// Readers of events at the same time, half of all connections: pages that stay open must leave room for the others.
pub(crate) const EVENT_READERS: usize = 2_048;
/// The answer to a call with an `Idempotency-Key` is given again for so long.
pub(crate) const ANSWER_KEPT_MS: i64 = 86_400_000;
/// Longest answer that is kept for a key: what makes something answers with one thing, at most a script or a certificate.
pub(crate) const KEPT_ANSWER_BYTES: usize = 128 * 1024;
/// Live connections at the same time; each costs at most two slices.
pub(crate) const LIVE_CONNECTIONS: usize = 512;
/// Diagnostics in the sentence of a failed plan; all of them stand in the log.
pub(crate) const DIAGNOSTICS_IN_MESSAGE: usize = 5;

/// Ended runs, or notices, that one look takes.
pub(crate) const NOTICES_LOOKED_AT: usize = 64;
/// Receivers that are told at the same time.
pub(crate) const NOTICES_AT_ONCE: usize = 8;
/// Runs of a service that are looked through for the one before on the same ref.
pub(crate) const RUNS_BEFORE: usize = 200;
/// How long a worker may take to answer what it is asked about itself, below the time of a request.
pub(crate) const WORKER_ANSWER_TIME: Duration = Duration::from_secs(20);
/// Golden roots that one worker may tell of.
pub(crate) const MAX_ROOTS_TOLD: usize = 1_000;
/// What a run's log may have beyond its bound: Circle's own words on why it ended, in each stage.
pub(crate) const LOG_LAST_WORDS_BYTES: u64 = 1024 * 1024;
/// Begins and ends of groups in one stage: a command each, or a step of a build.
pub(crate) const MARKS_OF_A_STREAM: u64 = 100_000;

/// What is sealed under an older master key is looked for again; a rotation wakes it at once.
pub(crate) const RESEAL_PERIOD: Duration = Duration::from_secs(600);

/// Repositories that one loop looks at at the same time: one loop for branches and tags, one for pull requests.
pub(crate) const POLLS_AT_ONCE: usize = 32;
/// Of one host as many: one that hangs has no more of the places than these.
pub(crate) const POLLS_OF_A_HOST: usize = 2;
/// Lists of pull requests that one token asks for at the same time.
pub(crate) const PULLS_OF_A_TOKEN: usize = 1;
/// So long a token is left alone after a list: 3,600 lists in an hour at most. A list of several pages is several requests; a forge
/// that has enough says so, and is left alone for as long as it says.
pub(crate) const PULLS_REST: Duration = Duration::from_secs(1);
/// Open pull requests of a repository that is polled: twenty pages of most forges.
pub(crate) const PULLS_POLLED: usize = 1_000;
/// Changes that are taken in one write: with what was seen they fit into a document.
pub(crate) const POLL_CHANGES: usize = 50;

/// A backup whose receiver takes nothing for so long is given up: old things wait for it to be removed.
pub(crate) const BACKUP_STALL: Duration = Duration::from_secs(60);
/// A backup that takes longer is given up.
pub(crate) const BACKUP_TIME: Duration = Duration::from_secs(6 * 3_600);
/// Pieces of a backup that wait for its receiver, each of a quarter of a mebibyte.
pub(crate) const BACKUP_QUEUE: usize = 8;
