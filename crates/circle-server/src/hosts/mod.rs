//! Hosts: engines elsewhere on which the server starts a worker for each run.
//!
//! [`WorkerHost`] is the port: look at a host, start a worker there, see which are there, remove one. The adapter here is
//! a Docker endpoint over TCP with mutual TLS ([`docker`]); a cluster whose pods are such workers is another adapter behind
//! the same port, and [`keeper`] does not change for it: it speaks of workers by id, of images and pods not at all.
//!
//! A worker of a host is an ordinary worker (`circle worker --once`) with one difference: its record names the one run that
//! it was started for ([`Posting`](crate::records::Posting)). It enrols with a token that works once, is offered that run and
//! nothing else, and its credential dies with the run. What the protocol promises when a link is lost, a server is started
//! again or a worker falls silent holds for it unchanged.
//!
//! [`keeper`] brings about what the records say, one loop a host: every worker that is there has a record, every record a
//! run that wants it. Whatever was interrupted is judged anew by the next look ([`judge`]), so that a crash between any two
//! steps leaves nothing for good.

mod docker;
mod judge;
mod keeper;
mod open;
mod port;
mod program;
mod round;

pub(crate) use keeper::run;
pub(crate) use open::open;
pub(crate) use port::{HostError, Sight, Start, WorkerHost};
