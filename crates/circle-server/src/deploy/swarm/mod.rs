//! Docker Swarm over the engine's API, with specifications as raw JSON: an update replaces the whole specification, and a
//! typed client would drop the fields that it does not know.
//!
//! Sources: the Engine API's description (1.41) and the manager's code for what the description leaves open: an update
//! sets `UpdateStatus` to nothing in the same write as the specification, and an updater that finds it so writes none.
//! So a status that is read together with a specification belongs to it.

mod addresses;
mod api;
mod create;
mod image;
mod rollout;
mod spec;
mod target;

pub use target::{SwarmTarget, connect};
