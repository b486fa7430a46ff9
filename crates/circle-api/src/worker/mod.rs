//! The worker protocol: what a worker and the server say to each other over HTTP.
//!
//! A worker connects out and holds `GET /worker/v1/orders` open (NDJSON, a ping every 15 s). It answers an offer with a
//! claim; the claim gives the lease, the order and the run's own token. From then on everything about that run carries
//! the run's token and the lease's fence. A reply of 409 means that the lease is gone: the worker kills the cell and
//! says nothing more of that run.
//!
//! | call | credential | body → answer |
//! |---|---|---|
//! | `POST /worker/v1/enrol` | enrolment token, once | [`Enrol`] → [`Enrolled`] |
//! | `GET /worker/v1/orders` | worker token | → stream of [`Order`] lines |
//! | `POST /worker/v1/roots/{question}` | worker token | [`RootsAnswer`] → 204, or 404 when nobody waits for it |
//! | `POST /worker/v1/runs/{run}/claim` | worker token | [`Claim`] → [`Assignment`], or 409 when somebody else has it |
//! | `POST /worker/v1/runs/{run}/heartbeat` | run token | [`Heartbeat`] → [`HeartbeatAnswer`] |
//! | `POST /worker/v1/runs/{run}/events` | run token | [`Events`] → [`EventsAnswer`] |
//! | `POST /worker/v1/runs/{run}/log` | run token | frames of [`frames`] → [`LogAnswer`], 409 with [`LogHole`] |
//! | `PUT /worker/v1/runs/{run}/outputs/{stage}` | run token | a tar → [`Stored`] |
//! | `GET /worker/v1/runs/{run}/outputs/{stage}` | run token | → the tar |

pub mod frames;
mod messages;
mod step_secrets;

pub use messages::{
    Assignment, Claim, CloneCredential, CloneLogin, Enrol, Enrolled, Events, EventsAnswer, Heartbeat, HeartbeatAnswer,
    LogAnswer, LogHole, NumberedEvent, Order, RegistryAccess, RootReport, RootsAnswer, RunFacts, SecretValue, Stored,
    Trial, WorkerFacts,
};
pub use step_secrets::StepSecrets;

/// The version that both sides speak, sent by the worker as the header `circle-protocol`. Another one is refused with
/// 426 and a sentence that names both.
pub const PROTOCOL_VERSION: u32 = 2;
/// The header of [`PROTOCOL_VERSION`].
pub const PROTOCOL_HEADER: &str = "circle-protocol";
/// How well the worker's cells keep runs from its machine, with every call: a word of [`circle_core::serving::Isolation`].
/// A worker that says nothing keeps them apart.
pub const ISOLATION_HEADER: &str = "circle-isolation";
/// The header with the lease's fence on every call about a run.
pub const FENCE_HEADER: &str = "circle-fence";
/// Between two pings on the orders stream; a stream silent for three times as long is dead.
pub const PING_SECONDS: u64 = 15;
/// Most bytes of one log request.
pub const MAX_LOG_REQUEST_BYTES: usize = 4 * 1024 * 1024;
/// Most bytes of one chunk.
pub const MAX_CHUNK_BYTES: usize = 256 * 1024;
