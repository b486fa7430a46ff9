//! Reading at random.

use super::Fixture;
use super::logs::{Port, chunk, whole};
use crate::logs::{Place, READ_BYTES, Read};

type At<'a> = &'a dyn Fixture<Port>;

/// Short lines, long ones, empty ones, and a last one without an end; more than a few blocks.
fn text() -> Vec<u8> {
    let mut text = Vec::new();
    for line in 0..20_000_usize {
        let length = if line % 5000 == 4321 { 300_000 } else { line % 37 };
        text.extend(std::iter::repeat_n(
            b'a' + u8::try_from(line % 26).expect("a letter"),
            length,
        ));
        text.push(b'\n');
    }
    text.extend(b"the end");
    text
}

async fn append_text(port: &Port, text: &[u8]) {
    for (place, part) in text.chunks(70_001).enumerate() {
        let offset = place as u64 * 70_001;
        port.bus
            .append("run_1", vec![chunk("build", offset, part.to_vec())])
            .await
            .expect("appended");
    }
}

pub(super) async fn any_byte_and_any_line(at: At<'_>) {
    let port = at.open().await;
    let text = text();
    append_text(&port, &text).await;
    check_places(&port, &text).await;
    port.bus.close("run_1").await.expect("closed");
    check_places(&port, &text).await;
    assert!(whole(&port, "build").await == text, "the whole differs");
}

async fn check_places(port: &Port, text: &[u8]) {
    let ends = text
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'\n')
        .map(|(place, _)| place + 1);
    let starts: Vec<usize> = std::iter::once(0).chain(ends).collect();
    for line in (0..starts.len())
        .step_by(997)
        .chain([4320, 4321, 4322, 19_321, 19_322, starts.len() - 1])
    {
        let read = Read::new("run_1", "build", Place::Line(line as u64)).limit_bytes(50);
        let slice = port.archive.read(read).await.expect("readable");
        let start = starts[line];
        assert_eq!((slice.offset, slice.line), (start as u64, line as u64));
        assert_eq!(slice.bytes, text[start..text.len().min(start + 50)], "line {line}");
    }
    for byte in (0..text.len()).step_by(91_003).chain([text.len() - 1]) {
        let read = Read::new("run_1", "build", Place::Byte(byte as u64)).limit_bytes(50);
        let slice = port.archive.read(read).await.expect("readable");
        let line = starts.partition_point(|start| *start <= byte) - 1;
        assert_eq!((slice.offset, slice.line), (byte as u64, line as u64));
        assert_eq!(slice.bytes, text[byte..text.len().min(byte + 50)], "byte {byte}");
    }
}

pub(super) async fn limits_cut_a_slice(at: At<'_>) {
    let port = at.open().await;
    append_text(&port, b"a\nbb\nccc\ndddd").await;
    let read = |place| Read::new("run_1", "build", place);
    let slice = port
        .archive
        .read(read(Place::Line(1)).limit_lines(2))
        .await
        .expect("readable");
    assert_eq!(
        (&slice.bytes[..], slice.next_offset(), slice.next_line),
        (&b"bb\nccc\n"[..], 9, 3)
    );
    let slice = port
        .archive
        .read(read(Place::Byte(3)).limit_bytes(4))
        .await
        .expect("readable");
    assert_eq!((&slice.bytes[..], slice.line, slice.next_line), (&b"b\ncc"[..], 1, 2));
    let slice = port
        .archive
        .read(read(Place::Byte(3)).limit_bytes(0).limit_lines(0))
        .await
        .expect("readable");
    assert_eq!(&slice.bytes[..], b"b", "no limit below one, so that a reader gets on");
    let slice = port
        .archive
        .read(read(Place::Line(3)).limit_lines(1))
        .await
        .expect("readable");
    assert_eq!(
        (&slice.bytes[..], slice.next_line),
        (&b"dddd"[..], 3),
        "a last line without an end"
    );
    append_text_of(&port, "big", READ_BYTES + 5).await;
    let slice = port
        .archive
        .read(Read::new("run_1", "big", Place::Byte(0)).limit_bytes(usize::MAX))
        .await;
    assert_eq!(slice.expect("readable").bytes.len(), READ_BYTES);
}

async fn append_text_of(port: &Port, stage: &str, bytes: usize) {
    for offset in (0..bytes).step_by(500_000) {
        let part = vec![b'x'; 500_000.min(bytes - offset)];
        port.bus
            .append("run_1", vec![chunk(stage, offset as u64, part)])
            .await
            .expect("appended");
    }
}

pub(super) async fn beyond_the_end(at: At<'_>) {
    let port = at.open().await;
    port.bus
        .append("run_1", vec![chunk("empty", 0, "")])
        .await
        .expect("made known");
    port.bus
        .append("run_1", vec![chunk("build", 0, "a\nb\n")])
        .await
        .expect("appended");
    for (stage, place, offset, line) in [
        ("empty", Place::Byte(0), 0, 0),
        ("empty", Place::Line(0), 0, 0),
        ("empty", Place::Line(7), 0, 0),
        ("build", Place::Byte(4), 4, 2),
        ("build", Place::Byte(u64::MAX), 4, 2),
        ("build", Place::Line(2), 4, 2),
        ("build", Place::Line(u64::MAX), 4, 2),
    ] {
        let slice = port
            .archive
            .read(Read::new("run_1", stage, place))
            .await
            .expect("readable");
        assert_eq!(
            (slice.bytes.len(), slice.offset, slice.line),
            (0, offset, line),
            "{stage} {place:?}"
        );
    }
}

pub(super) async fn all_bytes_are_kept(at: At<'_>) {
    let port = at.open().await;
    let mut bytes: Vec<u8> = (0..=255_u8).cycle().take(100_000).collect();
    bytes.extend(b"\r\n\x1b[31m\xff\xfe\r\0");
    append_text(&port, &bytes).await;
    assert!(whole(&port, "build").await == bytes, "bytes differ");
    port.bus.close("run_1").await.expect("closed");
    assert!(whole(&port, "build").await == bytes, "bytes differ after closing");
}
