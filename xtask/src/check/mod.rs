//! `cargo xtask check`: formatting, lints, dependencies, and the fences that no compiler knows.
//!
//! Every part runs even when one before it failed, so that one run shows all there is to mend.

mod budgets;
mod finding;
mod functions;
mod lexer;
mod parts;
mod rules;
mod source;
mod tidy;

pub(crate) use parts::run;
pub(crate) use rules::THREATS;
pub(crate) use tidy::threats;
