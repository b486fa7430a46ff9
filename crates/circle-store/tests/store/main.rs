//! The embedded adapters: the suites of their ports, and what is theirs alone.

mod blob_damage;
mod conformance;
mod faulty;
mod fixtures;
mod full_disk;
mod kill;
mod log_model;
mod log_repair;
mod log_sizes;
mod record_model;
mod records_embedded;
mod still;
mod typed;
