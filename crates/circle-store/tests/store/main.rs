//! The embedded adapters: the suites of their ports, and what is theirs alone.

mod conformance;
mod fixtures;
