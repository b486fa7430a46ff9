//! The fences. A line may step over one when it, or the line above, says `tidy-ok:` and why.

mod consumers;
mod core_is_pure;
mod databases;
mod habits;
mod kernel;
mod machines;
mod packages;
mod pattern;
mod project;
mod threats;

pub(crate) use habits::trait_count;
pub(crate) use packages::{closure_of, packages};
pub(crate) use project::{Project, all};
pub(crate) use threats::{PAGE as THREATS, renewed as with_tests};
