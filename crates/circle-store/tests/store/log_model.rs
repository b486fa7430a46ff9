//! Any appends, any reads: the log says what a plain vector says.

use bytes::Bytes;
use circle_store::logs::{
    Chunk, EmbeddedLogs, Entry, LogArchive, LogBus, Place, READ_BYTES, READ_LINES, Read, Slice, StreamId,
};
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use proptest::test_runner::Config;

use crate::fixtures::Folder;

#[derive(Clone, Debug)]
enum Step {
    /// So many bytes with a `\n` every so often, the first of them sent a second time.
    Append {
        length: usize,
        every: usize,
        again: usize,
    },
    Reopen,
    Close,
    /// At a place, or where the line of the byte at so many thousandths of the text begins.
    Look {
        from: Result<Place, usize>,
        bytes: usize,
        lines: u64,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let length = prop_oneof![0..200_usize, 60_000..70_000_usize, 200_000..300_000_usize];
    let append = (
        length,
        prop_oneof![Just(1_usize), 2..90_usize, Just(1_000_000)],
        0..100_usize,
    )
        .prop_map(|(length, every, again)| Step::Append { length, every, again });
    let place = prop_oneof![
        (0..1_500_000_u64).prop_map(Place::Byte),
        (0..300_u64).prop_map(Place::Line),
        any::<u64>().prop_map(Place::Line),
    ];
    let from = prop_oneof![place.prop_map(Ok), (0..1000_usize).prop_map(Err)];
    let look = (
        from,
        prop_oneof![1..300_usize, Just(usize::MAX)],
        prop_oneof![1..30_u64, Just(u64::MAX)],
    )
        .prop_map(|(from, bytes, lines)| Step::Look { from, bytes, lines });
    let step = prop_oneof![4 => append, 1 => Just(Step::Reopen), 1 => Just(Step::Close), 9 => look];
    proptest::collection::vec(step, 1..25)
}

/// What a read must return.
fn expected(text: &[u8], from: Place, bytes: usize, lines: u64, complete: bool) -> Slice {
    let newlines = |part: &[u8]| part.iter().filter(|byte| **byte == b'\n').count() as u64;
    let after = |part: &[u8], count: u64| {
        let ends = part
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte == b'\n')
            .map(|(place, _)| place + 1);
        std::iter::once(0)
            .chain(ends)
            .nth(usize::try_from(count).unwrap_or(usize::MAX))
            .unwrap_or(part.len())
    };
    let start = match from {
        Place::Byte(offset) => usize::try_from(offset).unwrap_or(usize::MAX).min(text.len()),
        Place::Line(line) => after(text, line),
    };
    let rest = &text[start..];
    let rest = &rest[..rest.len().min(bytes.min(READ_BYTES))];
    let taken = &rest[..after(rest, lines.min(READ_LINES))];
    let line = newlines(&text[..start]);
    Slice {
        offset: start as u64,
        line,
        bytes: Bytes::copy_from_slice(taken),
        next_line: line + newlines(taken),
        length: text.len() as u64,
        lines: newlines(text),
        complete,
    }
}

async fn follow_model(steps: Vec<Step>) {
    let folder = Folder::new();
    let open = || EmbeddedLogs::open(folder.path()).expect("opened");
    let mut logs = open();
    let mut text = Vec::new();
    let mut closed = false;
    let chunk = |offset: usize, bytes: &[u8]| {
        let stream = StreamId::new("build", 1);
        let bytes = Bytes::copy_from_slice(bytes);
        vec![Entry::Chunk(Chunk {
            stream,
            sequence: 0,
            offset: offset as u64,
            bytes,
        })]
    };
    logs.append("run_1", chunk(0, b"")).await.expect("made known");
    for step in steps {
        match step {
            Step::Append { .. } if closed => {}
            Step::Append { length, every, again } => {
                let from = text.len().saturating_sub(again);
                text.extend((1..=length).map(|place| {
                    if place % every == 0 {
                        b'\n'
                    } else {
                        b"abcdefg"[place % 7]
                    }
                }));
                logs.append("run_1", chunk(from, &text[from..]))
                    .await
                    .expect("appended");
            }
            Step::Reopen => {
                drop(logs);
                logs = open();
            }
            Step::Close => {
                logs.close("run_1").await.expect("closed");
                closed = true;
            }
            Step::Look { from, bytes, lines } => {
                let from = from.unwrap_or_else(|thousandths| {
                    let before = &text[..text.len() * thousandths / 1000];
                    Place::Line(before.iter().filter(|byte| **byte == b'\n').count() as u64)
                });
                let read = Read::new("run_1", "build", from).limit_bytes(bytes).limit_lines(lines);
                let slice = logs.read(read).await.expect("readable");
                let wanted = expected(&text, from, bytes, lines, closed);
                assert!(
                    slice == wanted,
                    "{from:?} {bytes} {lines}: {} at {} is not {} at {}",
                    slice.bytes.len(),
                    slice.offset,
                    wanted.bytes.len(),
                    wanted.offset
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(Config { cases: 32, failure_persistence: None, ..Config::default() })]
    #[test]
    fn reads_say_what_a_vector_says(steps in steps()) {
        tokio::runtime::Runtime::new().expect("a runtime").block_on(follow_model(steps));
    }
}
