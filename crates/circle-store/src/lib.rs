//! What Circle remembers: documents, logs, leases and blobs.
//!
//! Four ports, each with an embedded adapter that is a product of its own. This is the only crate that names a
//! database or a broker; every other crate sees `Arc<dyn Store>`, `Arc<dyn LogBus>`, `Arc<dyn Leases>` and `Blobs`.
//!
//! Promises common to all embedded adapters: what was acknowledged is there after `kill -9`; a folder is opened by one
//! process at a time; memory is bounded whatever the size of what is kept.
//!
//! Absences: nothing here reads a clock (times are passed in), nothing retries by itself, nothing encrypts (secrets
//! arrive sealed), nothing knows what a run is beyond the names in [`records::kinds`].

pub mod blobs;
#[cfg(feature = "conformance")]
pub mod conformance;
#[cfg(feature = "faulty")]
pub mod faulty;
mod folder_lock;
pub mod leases;
pub mod logs;
pub mod records;

pub use folder_lock::FolderLockError;
