//! Everything that happens to a run goes through here: made once, changed by `Run::apply` and a compare-and-swap,
//! observed by the queue and by whoever watches.

mod apply;
mod cancel;
mod closings;
mod create;
mod feed;
mod log_desk;
mod numbers;
mod rerun;
mod watchers;

pub(crate) use apply::lease_name;
pub(crate) use closings::Closings;
pub(crate) use create::{NewRun, PLAN_STAGE, Planned};
pub(crate) use feed::{Feed, Following};
pub(crate) use log_desk::{LogDesk, MarkBook, kind_of};
pub(crate) use numbers::NumberTurns;
pub(crate) use rerun::{is_rerun, rerun_key_prefix};
pub(crate) use watchers::Watchers;
