//! The worker's side of the protocol: calls, the orders stream, and the sink that tells a run's events and output.

mod calls;
mod connection;
mod enrol;
mod events;
mod log_queue;
mod log_sender;
mod orders;
mod pause;
mod remote;
mod stop;

pub(crate) use calls::{RunCalls, claim, tell_roots};
pub(crate) use connection::{CallError, Connection};
pub(crate) use enrol::identity;
pub(crate) use orders::Orders;
pub(crate) use pause::Pause;
pub(crate) use remote::RemoteSink;
pub(crate) use stop::{Stop, Stopper};
