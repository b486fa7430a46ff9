//! Every bound of the pipeline file in one place, each with its reason.

/// The whole file. The largest honest file that we can imagine has a few thousand lines; a run document, which carries
/// the plan, has to stay below the same size.
pub const MAX_FILE_BYTES: usize = 256 * 1024;
/// Nesting of maps and lists. The grammar itself needs eight.
pub const MAX_DEPTH: usize = 32;
/// Nodes after every alias was followed. The file itself cannot hold more than one node for each two bytes; this bound is
/// what stops an alias bomb.
pub const MAX_NODES: usize = 20_000;
/// Diagnostics that are reported for one file; nobody reads more, and a page has to stay small.
pub const MAX_DIAGNOSTICS: usize = 100;
/// Characters of a source line that are shown as its excerpt.
pub(crate) const MAX_EXCERPT_CHARS: usize = 200;
/// Characters of a message or of its help; a foreign name in it may be as long as the file.
pub(crate) const MAX_MESSAGE_CHARS: usize = 600;
/// Characters of a foreign text that are quoted in a message.
pub(crate) const MAX_QUOTE_CHARS: usize = 60;

/// One component of a path, as on every common file system.
pub(crate) const MAX_PATH_COMPONENT_BYTES: usize = 255;
/// A whole path: `PATH_MAX` of Linux.
pub(crate) const MAX_PATH_BYTES: usize = 4096;

/// The default time-out of a stage: 60 minutes.
pub(crate) const DEFAULT_STAGE_TIMEOUT_S: u64 = 60 * 60;
/// The time-out of a whole run, the queue excluded: 3 hours.
pub const RUN_TIMEOUT_S: u64 = 3 * 60 * 60;
/// How long a stage may print nothing: 30 minutes.
pub const SILENCE_S: u64 = 30 * 60;
/// The longest time-out that a stage may ask for; the run's own bound ends it earlier anyway.
pub(crate) const MAX_STAGE_TIMEOUT_S: u64 = RUN_TIMEOUT_S;
/// The default wait for a sidecar: 60 seconds.
pub(crate) const DEFAULT_READY_TIMEOUT_S: u64 = 60;
/// The longest wait for a sidecar.
pub(crate) const MAX_READY_TIMEOUT_S: u64 = 60 * 60;
/// The default wait for a deployed service to answer.
pub(crate) const DEFAULT_VERIFY_WITHIN_S: u64 = 60;
/// The longest wait for a deployed service to answer.
pub(crate) const MAX_VERIFY_WITHIN_S: u64 = 60 * 60;
/// Tries of one stage, the first included.
pub(crate) const MAX_TRIES: u32 = 5;
/// The least memory that an engine starts a container with.
pub(crate) const MIN_MEMORY_BYTES: u64 = 6 * 1024 * 1024;
/// More than any machine has; a larger number is a mistake in the unit.
pub(crate) const MAX_MEMORY_BYTES: u64 = 64 * 1024 * 1024 * 1024 * 1024;
/// More cores than any machine has.
pub(crate) const MAX_CPU_MILLIS: u64 = 4096 * 1000;
/// The kernel's own limit of process ids.
pub(crate) const MAX_PIDS: u64 = 4_194_304;
