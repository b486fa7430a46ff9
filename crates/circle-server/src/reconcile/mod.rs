//! Loops that bring about what the stores say: idempotent, without input, woken by notice, repeated by period.
//!
//! - [`deliveries`]: what came in becomes a run, or a reason why not.
//! - [`polling`]: repositories that cannot call are looked at.
//! - [`deadlines`]: leases that ran out, waits and runs that took too long, offers that nobody answered.
//! - [`statuses`]: forges are told what became of their commits.
//! - [`notices`]: people and programs are told how runs ended.
//! - [`schedules`]: what is due by the clock becomes a delivery.
//! - [`view`]: the ready view is compared with the store.
//! - [`closing`]: logs of ended runs are closed and compressed.
//! - [`reseal`]: what is sealed under an older master key is sealed anew.
//! - [`retention`]: what is older than the operator wants is removed.

mod approved_wish;
mod backlog;
mod closing;
mod deadlines;
mod deliveries;
mod file_schedules;
mod forge_wish;
mod linked;
mod notices;
mod planning;
mod policy;
mod polling;
mod repositories;
mod reseal;
mod retention;
mod schedules;
mod statuses;
mod tasks;
mod view;
mod wish;

pub(crate) use planning::{declared_inputs, in_its_field};
pub(crate) use polling::poll_view;
pub(crate) use repositories::Repositories;
pub(crate) use reseal::{pass, sealing_keys, tally};
pub(crate) use tasks::start;
