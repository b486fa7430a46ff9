//! Repositories that cannot call are looked at: branches and tags are compared with what was seen, and what changed becomes
//! deliveries as if a hook had told of it.
//!
//! Promises: what moved is taken and named in one write, and delivered afterwards under that name, so that a crash loses nothing and
//! tells nothing twice; a push that a hook told of as well is one run, see `circle_core::poll`; a host that is slow or down holds only
//! its own services up. Absences: pull requests, which are no refs that plain git tells of everywhere.

mod desk;
mod hear;
mod look;
mod show;

pub(super) use desk::run;
pub(super) use hear::was_polled;
pub(crate) use show::poll_view;
