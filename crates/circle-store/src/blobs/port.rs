//! The port itself.

use std::fmt::{self, Debug};
use std::str::FromStr;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use serde::{Deserialize, Serialize};

/// The most bytes of one blob that any caller may allow: 16 GiB.
pub const BLOB_BYTES: u64 = 16 * 1024 * 1024 * 1024;
/// The most blobs of one listing.
pub const LIST_BLOBS: usize = 1000;

/// The bytes to put. The source's errors end the put.
pub type BlobStream = BoxStream<'static, std::io::Result<Bytes>>;

/// `sha256:` and 64 lower-case hex digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(String);

impl Digest {
    /// The hex digits without `sha256:`.
    pub fn hex(&self) -> &str {
        &self.0["sha256:".len()..]
    }

    pub(super) fn from_hash(hash: &[u8]) -> Self {
        Self(format!("sha256:{}", hex::encode(hash)))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl FromStr for Digest {
    type Err = BlobError;

    fn from_str(text: &str) -> Result<Self, BlobError> {
        let hex = text.strip_prefix("sha256:").unwrap_or_default();
        let fit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if hex.len() == 64 && hex.bytes().all(fit) {
            return Ok(Self(text.to_owned()));
        }
        let shown: String = text.chars().take(80).collect();
        Err(BlobError::Invalid {
            reason: format!("{shown:?} is no digest: write sha256: and 64 hex digits"),
        })
    }
}

impl TryFrom<String> for Digest {
    type Error = BlobError;

    fn try_from(text: String) -> Result<Self, BlobError> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.0
    }
}

/// What is known of a blob.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BlobInfo {
    /// Its name.
    pub digest: Digest,
    /// Its bytes.
    pub size: u64,
    /// When it was last put, in milliseconds of the keeper's clock.
    pub modified_ms: i64,
}

/// A blob being read.
pub struct BlobReader {
    /// How many bytes will come.
    pub size: u64,
    /// The bytes, in order. If they are not what the digest says, [`BlobError::Corrupt`] comes in the place of the last of
    /// them: never all of them, then the error.
    pub bytes: BoxStream<'static, Result<Bytes, BlobError>>,
}

impl Debug for BlobReader {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("BlobReader")
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

/// Why a blob was not kept or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BlobError {
    /// There is no such blob.
    #[error("there is no blob {0}")]
    Missing(Digest),
    /// More bytes came than the caller allowed: nothing was kept.
    #[error("the output is larger than the {limit} bytes that are allowed")]
    TooLarge {
        /// The bound in bytes.
        limit: u64,
    },
    /// The source of the bytes failed: nothing was kept.
    #[error("the output could not be read: {reason}")]
    Source {
        /// What the source said.
        reason: String,
    },
    /// No room: nothing was kept; put it again when there is room.
    #[error("the disk for outputs is full: make room and run the stage again")]
    Full,
    /// Try again later.
    #[error("the store of outputs does not answer: {reason}")]
    Unavailable {
        /// What the store said.
        reason: String,
    },
    /// What is kept is not what was put: run the stage again.
    #[error("blob {0} is damaged: delete it and run the stage again")]
    Corrupt(Digest),
    /// The call itself is wrong.
    #[error("{reason}")]
    Invalid {
        /// What is wrong with it.
        reason: String,
    },
}

/// Blobs by digest.
///
/// Promises: a blob is there wholly or not at all; what was acknowledged is there after `kill -9`; putting and getting
/// cost memory for a few megabytes, whatever the size.
#[async_trait]
pub trait Blobs: Send + Sync + Debug {
    /// Keeps what the stream brings, at most `limit_bytes` (which is at most [`BLOB_BYTES`]).
    async fn put(&self, source: BlobStream, limit_bytes: u64) -> Result<BlobInfo, BlobError>;

    /// Reads a blob; checked against its digest as it goes.
    async fn get(&self, digest: &Digest) -> Result<BlobReader, BlobError>;

    /// What is known of it, without reading it.
    async fn info(&self, digest: &Digest) -> Result<BlobInfo, BlobError>;

    /// Removes it; removing what is not there is no error.
    async fn delete(&self, digest: &Digest) -> Result<(), BlobError>;

    /// Blobs in order of digest, after the given one, at most [`LIST_BLOBS`].
    async fn list(&self, after: Option<&Digest>) -> Result<Vec<BlobInfo>, BlobError>;
}
