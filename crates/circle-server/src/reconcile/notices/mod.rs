//! Ended runs become notices, and notices are told.
//!
//! Two loops: the first makes the notices of a run, under ids that follow from run and receiver, and marks the run last, so that a
//! crash between repeats and doubles nothing; the second tells what is due, a few at a time, one receiver at a time.

mod make;
mod tell;

pub(super) use make::run as make;
pub(super) use tell::run as tell;
