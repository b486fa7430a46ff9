//! Events from bytes, in the layout that `gate/frames.rs` writes. Pure.

use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};

use super::{GateError, GateEvent, List, Stream};
use crate::Exit;

/// A kind and a length.
const HEAD: usize = 5;
/// The gate cuts output into pieces of 64 KiB; nothing longer is a frame.
const LONGEST_FRAME: usize = 64 * 1024;

/// Takes the next event out of the buffer; `None` while it is not whole.
pub(super) fn take_event(buffer: &mut BytesMut) -> Result<Option<GateEvent>, GateError> {
    let Some((head, _)) = buffer.split_first_chunk::<HEAD>() else {
        return Ok(None);
    };
    let [kind, length @ ..] = *head;
    let length = u32::from_le_bytes(length) as usize;
    if length > LONGEST_FRAME {
        return Err(GateError::Garbage(format!("a frame of {length} bytes")));
    }
    if buffer.len() < HEAD + length {
        buffer.reserve(HEAD + length - buffer.len());
        return Ok(None);
    }
    buffer.advance(HEAD);
    parse(kind, buffer.split_to(length).freeze()).map(Some)
}

fn parse(kind: u8, mut body: Bytes) -> Result<GateEvent, GateError> {
    let event = match (kind, body.len()) {
        (0, 0) => GateEvent::Waiting,
        (1, 5) => GateEvent::CommandBegin {
            list: list(body.get_u8())?,
            index: body.get_u32_le(),
        },
        (2, _) => GateEvent::Output {
            stream: Stream::Stdout,
            bytes: body,
        },
        (3, _) => GateEvent::Output {
            stream: Stream::Stderr,
            bytes: body,
        },
        (4, 17) => GateEvent::CommandEnd {
            list: list(body.get_u8())?,
            index: body.get_u32_le(),
            exit_code: body.get_i32_le(),
            duration: Duration::from_micros(body.get_u64_le()),
        },
        (5, 5) => match (body.get_u8(), body.get_i32_le()) {
            (0, code) => GateEvent::Finished { exit: Exit::Code(code) },
            (1, signal) => GateEvent::Finished {
                exit: Exit::Signal(signal),
            },
            (other, _) => return Err(GateError::Garbage(format!("an end of kind {other}"))),
        },
        (6, _) => GateEvent::Failed {
            reason: String::from_utf8_lossy(&body).into_owned(),
        },
        (7, 0) => GateEvent::Closed,
        (kind, length) => {
            return Err(GateError::Garbage(format!(
                "a frame of kind {kind} with {length} bytes"
            )));
        }
    };
    Ok(event)
}

fn list(number: u8) -> Result<List, GateError> {
    match number {
        0 => Ok(List::Main),
        1 => Ok(List::Finally),
        other => Err(GateError::Garbage(format!("a list {other}"))),
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use proptest::collection::vec;
    use proptest::prelude::{any, proptest};

    use super::{HEAD, LONGEST_FRAME, take_event};
    use crate::gate::{GateError, GateEvent, List};

    #[test]
    fn an_event_waits_until_it_is_whole() {
        let frame = [1, 5, 0, 0, 0, 1, 7, 0, 0, 0];
        let mut buffer = BytesMut::new();
        for byte in &frame[..frame.len() - 1] {
            buffer.extend([*byte]);
            assert_eq!(take_event(&mut buffer).expect("no garbage"), None);
        }
        buffer.extend([0]);
        let event = take_event(&mut buffer).expect("no garbage");
        assert_eq!(
            event,
            Some(GateEvent::CommandBegin {
                list: List::Finally,
                index: 7
            })
        );
        assert!(buffer.is_empty());
    }

    #[test]
    fn a_long_frame_is_garbage_before_it_is_read() {
        let mut buffer = BytesMut::from(&[2, 0xff, 0xff, 0xff, 0xff][..]);
        assert!(matches!(take_event(&mut buffer), Err(GateError::Garbage(_))));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_or_grow(bytes in vec(any::<u8>(), 0..200)) {
            let mut buffer = BytesMut::from(&bytes[..]);
            while let Ok(Some(_)) = take_event(&mut buffer) {}
            assert!(buffer.capacity() <= HEAD + LONGEST_FRAME + bytes.len());
        }
    }
}
