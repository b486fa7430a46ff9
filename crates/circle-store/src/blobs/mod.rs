//! The blob port: stage outputs by the digest of what is in them.
//!
//! A blob is named by the SHA-256 of its bytes, so putting the same twice is one, and a reader can tell whether it got
//! what it asked for. Who still needs a blob is kept in documents of kind `blob`, not here; retention deletes by that.

mod object_blobs;
mod port;

pub use object_blobs::ObjectBlobs;
pub use port::{BLOB_BYTES, BlobError, BlobInfo, BlobReader, BlobStream, Blobs, Digest, LIST_BLOBS};
