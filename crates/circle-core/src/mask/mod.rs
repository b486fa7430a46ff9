//! Masking: no secret leaves a worker, however a job writes it.
//!
//! Promises: no needle stands in the output, wherever the input was cut into pieces; a finished line is not held back
//! unless it begins a secret of many lines; at most one needle's length is held.
//! Absences: a job that is out to leak can always encode a secret in a way that nobody foresees; this guards against
//! accidents. Parts of a secret that are shorter than [`SHORTEST_BYTES`] are not masked.

mod escapes;
mod finder;
mod forms;
mod masker;
mod named;
mod plain;
mod stream;

pub use forms::SHORTEST_BYTES;
pub use masker::Masker;
pub use named::{NamedLines, Said};
pub use stream::MaskStream;

/// What stands in the place of a secret.
pub const MASK: &str = "***";
