//! A worker's life: enrol, hear orders, claim what is offered while a cell is free, execute, tell.

mod active;
mod cells;
mod executor;
mod held;
mod one;
mod reconcile;
mod worker;

pub use executor::{Executor, PartEnd};
pub use worker::{work, work_with};
