//! Binary framing of log requests: chunks and marks, one after the other, without escaping the bytes.
//!
//! A frame is the length of its header (u32, big endian), the header (JSON, [`FrameHeader`]), then `len` bytes of output.
//! Chunks carry output; marks carry what the log's index keeps (a command's begin and end) and no bytes. The `attempt` is the
//! assignment's: frames of another one are refused, and a higher one makes the log of the stage begin anew.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};

/// Longest header in bytes; a header is a few short fields and at most one command's text.
pub const MAX_HEADER_BYTES: usize = 16 * 1024;

/// What stands before the bytes of a frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "frame", rename_all = "snake_case")]
pub enum FrameHeader {
    /// Output of a stage. `sequence` counts the chunks of the stage's stream from 0, `offset` its bytes.
    Chunk {
        stage: String,
        attempt: u32,
        sequence: u64,
        offset: u64,
        len: u32,
    },
    /// A place in the stage's stream with a meaning, as JSON of [`Mark`].
    Mark {
        stage: String,
        attempt: u32,
        offset: u64,
        mark: Mark,
    },
}

/// Meanings of places in a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "mark", rename_all = "snake_case")]
pub enum Mark {
    /// A group begins: a command of the file, a build step, a sidecar's log.
    Begin { group: u32, title: String },
    /// The group ended.
    End {
        group: u32,
        exit_code: Option<i64>,
        duration_ms: u64,
    },
}

/// One decoded frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub header: FrameHeader,
    /// Empty for marks.
    pub bytes: Bytes,
}

/// Why a request's body is no sequence of frames.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    #[error("a frame is cut off")]
    CutOff,
    #[error("a frame's header has {0} bytes, more than 16 KiB")]
    HeaderTooLong(usize),
    #[error("a frame's header is not understood: {0}")]
    BadHeader(String),
}

/// Appends a frame.
pub fn encode(header: &FrameHeader, bytes: &[u8], out: &mut BytesMut) {
    let head = serde_json::to_vec(header).expect("a header of plain fields is always JSON");
    out.put_u32(u32::try_from(head.len()).expect("a header is far below 4 GiB"));
    out.extend_from_slice(&head);
    out.extend_from_slice(bytes);
}

/// Takes a whole body apart.
///
/// # Errors
/// [`FrameError`] names the first frame that does not hold.
pub fn decode(mut body: Bytes) -> Result<Vec<Frame>, FrameError> {
    let mut frames = Vec::new();
    while body.has_remaining() {
        frames.push(decode_one(&mut body)?);
    }
    Ok(frames)
}

fn decode_one(body: &mut Bytes) -> Result<Frame, FrameError> {
    if body.remaining() < 4 {
        return Err(FrameError::CutOff);
    }
    let head = body.get_u32() as usize;
    if head > MAX_HEADER_BYTES {
        return Err(FrameError::HeaderTooLong(head));
    }
    if body.remaining() < head {
        return Err(FrameError::CutOff);
    }
    let header: FrameHeader =
        serde_json::from_slice(&body.split_to(head)).map_err(|error| FrameError::BadHeader(error.to_string()))?;
    let len = match &header {
        FrameHeader::Chunk { len, .. } => *len as usize,
        FrameHeader::Mark { .. } => 0,
    };
    if body.remaining() < len {
        return Err(FrameError::CutOff);
    }
    Ok(Frame {
        header,
        bytes: body.split_to(len),
    })
}

#[cfg(test)]
mod tests {
    use super::{Frame, FrameError, FrameHeader, Mark, decode, encode};
    use bytes::{Bytes, BytesMut};

    fn chunk(len: u32) -> FrameHeader {
        FrameHeader::Chunk {
            stage: "build".into(),
            attempt: 1,
            sequence: 0,
            offset: 0,
            len,
        }
    }

    #[test]
    fn frames_come_back_as_they_went() {
        let mark = FrameHeader::Mark {
            stage: "build".into(),
            attempt: 1,
            offset: 3,
            mark: Mark::Begin {
                group: 0,
                title: "make".into(),
            },
        };
        let mut body = BytesMut::new();
        encode(&chunk(3), b"\x00\xff\n", &mut body);
        encode(&mark, b"", &mut body);
        let frames = decode(body.freeze()).expect("two frames");
        let expected = vec![
            Frame {
                header: chunk(3),
                bytes: Bytes::from_static(b"\x00\xff\n"),
            },
            Frame {
                header: mark,
                bytes: Bytes::new(),
            },
        ];
        assert_eq!(frames, expected);
    }

    #[test]
    fn sec_58_a_cut_or_lying_frame_is_refused() {
        let mut body = BytesMut::new();
        encode(&chunk(9), b"abc", &mut body);
        assert_eq!(decode(body.freeze()), Err(FrameError::CutOff));
        assert_eq!(
            decode(Bytes::from_static(&[255, 255, 255, 255, 0])),
            Err(FrameError::HeaderTooLong(4_294_967_295))
        );
    }
}
