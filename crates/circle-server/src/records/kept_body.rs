//! Bodies of calls within a document's bound: a large one is kept small.

use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// Above it a body is compressed; a push of one commit has some ten kilobytes.
const PLAIN_BYTES: usize = 64 * 1024;
/// What a document has room for beside the rest.
const KEPT_BYTES: usize = 224 * 1024;
/// Fast; such bodies shrink to a tenth.
const LEVEL: i32 = 3;

/// The body of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeptBody {
    /// As it came.
    Text(String),
    /// Base64 of it under zstd, and its length in bytes.
    Packed { zstd: String, bytes: usize },
    /// Too large for a document: the digest of the blob that has it under zstd, and its length in bytes.
    Stored { digest: String, bytes: usize },
}

impl KeptBody {
    /// Keeps a body; `None` when it does not fit even so, or is no text.
    pub fn keep(body: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(body).ok()?;
        if body.len() <= PLAIN_BYTES {
            return Some(Self::Text(text.to_owned()));
        }
        let packed = STANDARD.encode(Self::pack(body)?);
        (packed.len() <= KEPT_BYTES).then_some(Self::Packed {
            zstd: packed,
            bytes: body.len(),
        })
    }

    /// A body under zstd; `None` when it is no text.
    pub fn pack(body: &[u8]) -> Option<Vec<u8>> {
        std::str::from_utf8(body).ok()?;
        zstd::bulk::compress(body, LEVEL).ok()
    }

    /// What was packed; `None` when it is damaged.
    pub fn unpack(packed: &[u8], bytes: usize) -> Option<String> {
        let mut text = String::new();
        let decoder = zstd::stream::read::Decoder::new(packed).ok()?;
        // One byte more than there should be, so that what was tampered with is seen.
        decoder.take(bytes as u64 + 1).read_to_string(&mut text).ok()?;
        (text.len() == bytes).then_some(text)
    }

    /// The body; `None` when what is kept is damaged, or lies elsewhere.
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text.clone()),
            Self::Packed { zstd, bytes } => {
                let packed = STANDARD.decode(zstd).ok()?;
                Self::unpack(&packed, *bytes)
            }
            Self::Stored { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::KeptBody;

    #[test]
    fn a_large_push_fits_a_document_and_reads_back() {
        let commit = r#"{"id":"aaaa","message":"Change something","author":{"name":"a"}},"#;
        for count in [1, 20_000] {
            let body = commit.repeat(count);
            let kept = KeptBody::keep(body.as_bytes()).expect("it fits");
            assert!(serde_json::to_string(&kept).expect("JSON").len() < 250 * 1024);
            assert_eq!(kept.text(), Some(body));
        }
    }

    #[test]
    fn what_is_no_text_is_refused() {
        assert_eq!(KeptBody::keep(&[0xff, 0xfe]), None);
    }
}
