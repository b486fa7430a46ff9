//! Keeps child processes running: started in order, started again with growing pauses, ended in the opposite order.
//!
//! Promises: a child gets SIGTERM and a grace before SIGKILL; children end when this process is killed (they are started
//! with a parent-death signal); a child that never comes to stay is given up, with its last words in the log above.

mod backoff;
mod child;
mod supervisor;

pub(crate) use child::ChildSpec;
pub(crate) use supervisor::{Policy, Supervisor};
