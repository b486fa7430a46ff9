//! A worker's life: enrol, hear orders, claim what is offered while a cell is free, execute, tell.

mod active;
mod base;
mod cells;
mod executor;
mod held;
mod networks;
mod one;
mod reconcile;
mod renew;
mod root_names;
mod told_roots;
mod trial;
mod worker;

pub use executor::{Executor, PartEnd};
pub use trial::try_out;
pub use worker::{cells, work, work_with};
