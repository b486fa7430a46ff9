//! Repositories that cannot call are looked at: branches and tags by git, pull requests by the forge's API. Each is compared with what
//! was seen, and what changed becomes deliveries as if a hook had told of it.
//!
//! Promises: what moved is taken and named in one write, and delivered afterwards under that name, so that a crash loses nothing and
//! tells nothing twice; a push or a commit of a pull request that a hook told of as well is one run, see `circle_core::poll` and
//! `circle_core::pulls`; a host that is slow or down holds only its own services up, and a forge is asked with one token for one list
//! at a time. Absences: pull requests of services without a forge, of which plain git does not say whose they are.

mod adopt;
mod course;
mod desk;
mod hear;
mod looked;
mod pulls;
mod refs;
mod show;

pub(super) use course::Course;
pub(super) use desk::run;
pub(super) use hear::{hear_pull, was_polled};
pub(crate) use show::poll_view;
