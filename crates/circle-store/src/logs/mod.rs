//! The log ports: bytes that a stage wrote, appended in order, followed live, read from any place.
//!
//! A stream is what one attempt of one stage of one run wrote. Its bytes are kept as they came: no line is cut, no
//! byte is replaced, nothing is inferred from them. Beside the bytes lie marks: out-of-band notes at an offset, such as
//! where a command began and with what it ended. [`LogBus`] appends and follows, [`LogArchive`] reads at random; the
//! embedded adapter is both, on the same files.

mod archive;
mod bus;
mod chunk;
pub mod embedded;
mod errors;
mod slice;

pub use archive::{LogArchive, MARKS_LIMIT, MarkAt, MarksQuery, Read, StreamInfo};
pub use bus::{Appended, Follow, Followed, LogBus, StreamEnd};
pub use chunk::{
    BATCH_BYTES, BATCH_ENTRIES, CHUNK_BYTES, Chunk, Entry, MARK_BYTES, MARKS_PER_STREAM, Mark, STAGE_BYTES,
    STREAMS_PER_RUN, StreamId, check_batch,
};
pub use embedded::EmbeddedLogs;
pub use errors::LogError;
pub use slice::{Place, READ_BYTES, READ_LINES, Slice};
