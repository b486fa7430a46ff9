//! The suite of [`LogBus`](crate::logs::LogBus) with [`LogArchive`](crate::logs::LogArchive).
//!
//! [`CASES`] hold for every adapter; [`HOLES`] only for one that refuses holes.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::json;

use super::{Case, Fixture, logs_follow as follow, logs_read as read};
use crate::logs::{
    CHUNK_BYTES, Chunk, Entry, LogArchive, LogBus, LogError, MARK_BYTES, Mark, MarksQuery, Place, Read, StreamId,
};

/// What a fixture opens: both ports over the same logs.
#[derive(Clone, Debug)]
pub struct Port {
    /// Appends and follows.
    pub bus: Arc<dyn LogBus>,
    /// Reads at random.
    pub archive: Arc<dyn LogArchive>,
}

type At<'a> = &'a dyn Fixture<Port>;

/// Every case.
pub const CASES: &[Case<Port>] = &[
    Case {
        name: "what is appended is read",
        run: |at| Box::pin(what_is_appended_is_read(at)),
    },
    Case {
        name: "the same chunk twice is one",
        run: |at| Box::pin(the_same_chunk_twice_is_one(at)),
    },
    Case {
        name: "chunks that overlap are joined",
        run: |at| Box::pin(chunks_that_overlap_are_joined(at)),
    },
    Case {
        name: "a newer attempt supersedes",
        run: |at| Box::pin(a_newer_attempt_supersedes(at)),
    },
    Case {
        name: "streams keep apart",
        run: |at| Box::pin(streams_keep_apart(at)),
    },
    Case {
        name: "marks stand at their lines",
        run: |at| Box::pin(marks_stand_at_their_lines(at)),
    },
    Case {
        name: "an ended stream takes no more",
        run: |at| Box::pin(an_ended_stream_takes_no_more(at)),
    },
    Case {
        name: "a closed run reads the same",
        run: |at| Box::pin(a_closed_run_reads_the_same(at)),
    },
    Case {
        name: "everything is there after opening again",
        run: |at| Box::pin(everything_is_there_again(at)),
    },
    Case {
        name: "a removed run is unknown",
        run: |at| Box::pin(a_removed_run_is_unknown(at)),
    },
    Case {
        name: "bounds are kept",
        run: |at| Box::pin(bounds_are_kept(at)),
    },
    Case {
        name: "any byte and any line open",
        run: |at| Box::pin(read::any_byte_and_any_line(at)),
    },
    Case {
        name: "limits cut a slice",
        run: |at| Box::pin(read::limits_cut_a_slice(at)),
    },
    Case {
        name: "beyond the end is the end",
        run: |at| Box::pin(read::beyond_the_end(at)),
    },
    Case {
        name: "all bytes are kept as they are",
        run: |at| Box::pin(read::all_bytes_are_kept(at)),
    },
    Case {
        name: "following sees every byte once",
        run: |at| Box::pin(follow::every_byte_once(at)),
    },
    Case {
        name: "following goes on at an offset",
        run: |at| Box::pin(follow::goes_on_at_an_offset(at)),
    },
    Case {
        name: "following tells of a newer attempt",
        run: |at| Box::pin(follow::tells_of_a_newer_attempt(at)),
    },
    Case {
        name: "following ends with the run",
        run: |at| Box::pin(follow::ends_with_the_run(at)),
    },
    Case {
        name: "a run's growth wakes",
        run: |at| Box::pin(follow::growth_wakes(at)),
    },
];

/// Only for adapters with conditional append.
pub const HOLES: &[Case<Port>] = &[
    Case {
        name: "a hole is refused",
        run: |at| Box::pin(a_hole_is_refused(at)),
    },
    Case {
        name: "an append is whole or nothing",
        run: |at| Box::pin(an_append_is_whole_or_nothing(at)),
    },
];

/// A chunk of the first attempt.
pub(super) fn chunk(stage: &str, offset: u64, bytes: impl Into<Bytes>) -> Entry {
    chunk_of(stage, 1, offset, bytes)
}

pub(super) fn chunk_of(stage: &str, attempt: u32, offset: u64, bytes: impl Into<Bytes>) -> Entry {
    let stream = StreamId::new(stage, attempt);
    Entry::Chunk(Chunk {
        stream,
        sequence: offset,
        offset,
        bytes: bytes.into(),
    })
}

fn mark(stage: &str, sequence: u64, offset: u64) -> Entry {
    let data = json!({"text": format!("command {sequence}")});
    Entry::Mark(Mark {
        stream: StreamId::new(stage, 1),
        sequence,
        offset,
        kind: "group_begin".to_owned(),
        data,
    })
}

/// The whole of the newest attempt of a stage.
pub(super) async fn whole(port: &Port, stage: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let read = Read::new("run_1", stage, Place::Byte(bytes.len() as u64));
        let slice = port.archive.read(read).await.expect("readable");
        if slice.bytes.is_empty() {
            return bytes;
        }
        assert_eq!(slice.offset, bytes.len() as u64);
        bytes.extend_from_slice(&slice.bytes);
    }
}

async fn what_is_appended_is_read(at: At<'_>) {
    let port = at.open().await;
    assert_eq!(port.archive.streams("run_1").await.expect("an answer"), []);
    let missing = port.archive.read(Read::new("run_1", "build", Place::Byte(0))).await;
    assert_eq!(missing, Err(LogError::Missing));
    let appended = port
        .bus
        .append("run_1", vec![chunk("build", 0, "one\ntw")])
        .await
        .expect("appended");
    assert_eq!((appended.streams[0].length, appended.streams[0].marks), (6, 0));
    port.bus
        .append("run_1", vec![chunk("build", 6, "o\nthree")])
        .await
        .expect("appended");
    let slice = port
        .archive
        .read(Read::new("run_1", "build", Place::Byte(0)))
        .await
        .expect("readable");
    assert_eq!(
        (&slice.bytes[..], slice.line, slice.next_line),
        (&b"one\ntwo\nthree"[..], 0, 2)
    );
    assert_eq!((slice.length, slice.lines, slice.complete), (13, 2, false));
}

async fn the_same_chunk_twice_is_one(at: At<'_>) {
    let port = at.open().await;
    for _ in 0..3 {
        port.bus
            .append("run_1", vec![chunk("build", 0, "one\n"), mark("build", 0, 4)])
            .await
            .expect("appended");
        port.bus
            .append("run_1", vec![chunk("build", 4, "two\n")])
            .await
            .expect("appended");
    }
    assert_eq!(whole(&port, "build").await, b"one\ntwo\n");
    let marks = port
        .archive
        .marks("run_1", MarksQuery::default())
        .await
        .expect("readable");
    assert_eq!(marks.len(), 1, "{marks:?}");
}

async fn chunks_that_overlap_are_joined(at: At<'_>) {
    let port = at.open().await;
    port.bus
        .append("run_1", vec![chunk("build", 0, "one\ntwo\n")])
        .await
        .expect("appended");
    // A writer that lost an answer may cut what it sends again in other places.
    port.bus
        .append("run_1", vec![chunk("build", 4, "two\nthree\n")])
        .await
        .expect("appended");
    let twice = vec![chunk("build", 8, "three\nfour\n"), chunk("build", 14, "four\nfive\n")];
    port.bus.append("run_1", twice).await.expect("appended");
    assert_eq!(whole(&port, "build").await, b"one\ntwo\nthree\nfour\nfive\n");
}

async fn a_newer_attempt_supersedes(at: At<'_>) {
    let port = at.open().await;
    port.bus
        .append("run_1", vec![chunk("build", 0, "first try\n")])
        .await
        .expect("appended");
    port.bus
        .append("run_1", vec![chunk_of("build", 2, 0, "second\n")])
        .await
        .expect("appended");
    let late = port.bus.append("run_1", vec![chunk("build", 10, "late\n")]).await;
    let stream = StreamId::new("build", 1);
    assert_eq!(
        late.expect_err("superseded"),
        LogError::Superseded { stream, current: 2 }
    );
    assert_eq!(whole(&port, "build").await, b"second\n");
    let old = port
        .archive
        .read(Read::new("run_1", "build", Place::Byte(0)).attempt(1))
        .await
        .expect("kept");
    assert_eq!((&old.bytes[..], old.complete), (&b"first try\n"[..], true));
    let streams = port.archive.streams("run_1").await.expect("an answer");
    let complete: Vec<_> = streams
        .iter()
        .map(|info| (info.stream.attempt, info.complete))
        .collect();
    assert_eq!(complete, [(1, true), (2, false)]);
}

async fn streams_keep_apart(at: At<'_>) {
    let port = at.open().await;
    let batch = vec![
        chunk("build", 0, "b1\n"),
        chunk("redis", 0, "r1\n"),
        chunk("build", 3, "b2\n"),
    ];
    let appended = port.bus.append("run_1", batch).await.expect("appended");
    let ends: Vec<_> = appended
        .streams
        .iter()
        .map(|end| (end.stream.stage.as_str(), end.length))
        .collect();
    assert_eq!(ends, [("build", 6), ("redis", 3)]);
    port.bus
        .append("run_2", vec![chunk("build", 0, "another run\n")])
        .await
        .expect("appended");
    assert_eq!(whole(&port, "build").await, b"b1\nb2\n");
    assert_eq!(whole(&port, "redis").await, b"r1\n");
    let names: Vec<_> = port
        .archive
        .streams("run_1")
        .await
        .expect("an answer")
        .into_iter()
        .map(|info| info.stream.stage)
        .collect();
    assert_eq!(names, ["build", "redis"], "in the order of appearance");
}

async fn marks_stand_at_their_lines(at: At<'_>) {
    let port = at.open().await;
    let batch = vec![
        mark("build", 0, 0),
        chunk("build", 0, "a\nb\n"),
        mark("build", 1, 4),
        mark("build", 2, 2),
    ];
    port.bus.append("run_1", batch).await.expect("appended");
    port.bus
        .append("run_1", vec![mark("build", 3, 3), mark("redis", 0, 0)])
        .await
        .expect("appended");
    let all = port
        .archive
        .marks("run_1", MarksQuery::default())
        .await
        .expect("readable");
    let places: Vec<_> = all
        .iter()
        .map(|at| (at.mark.stream.stage.as_str(), at.mark.offset, at.line))
        .collect();
    let wanted = [
        ("build", 0, 0),
        ("build", 4, 2),
        ("build", 2, 1),
        ("build", 3, 1),
        ("redis", 0, 0),
    ];
    assert_eq!(places, wanted);
    assert_eq!(all[1].mark.data, json!({"text": "command 1"}));
    let of_build = MarksQuery {
        stage: Some("build".to_owned()),
        attempt: Some(1),
        skip: 2,
    };
    let marks = port.archive.marks("run_1", of_build).await.expect("readable");
    assert_eq!(marks, all[2..4]);
    let of_second = MarksQuery {
        attempt: Some(2),
        ..MarksQuery::default()
    };
    assert_eq!(port.archive.marks("run_1", of_second).await.expect("readable"), []);
}

async fn an_ended_stream_takes_no_more(at: At<'_>) {
    let port = at.open().await;
    let end = || Entry::End {
        stream: StreamId::new("build", 1),
        offset: 4,
    };
    port.bus
        .append("run_1", vec![chunk("build", 0, "one\n"), end()])
        .await
        .expect("appended");
    port.bus
        .append("run_1", vec![chunk("build", 0, "one\n"), end()])
        .await
        .expect("again is once");
    let more = port.bus.append("run_1", vec![chunk("build", 4, "two\n")]).await;
    assert_eq!(more, Err(LogError::Closed));
    port.bus
        .append("run_1", vec![chunk("redis", 0, "still here\n")])
        .await
        .expect("the others go on");
    assert!(port.archive.streams("run_1").await.expect("an answer")[0].complete);
}

async fn a_closed_run_reads_the_same(at: At<'_>) {
    let port = at.open().await;
    let text: String = (0..30_000).map(|line| format!("line {line} of a build\n")).collect();
    port.bus
        .append("run_1", vec![chunk("build", 0, text.clone()), mark("build", 0, 9)])
        .await
        .expect("appended");
    port.bus
        .append("run_1", vec![chunk("redis", 0, "ready")])
        .await
        .expect("appended");
    let looks = || async {
        let mut slices = Vec::new();
        for place in [
            Place::Byte(0),
            Place::Byte(400_000),
            Place::Line(1),
            Place::Line(29_999),
            Place::Line(30_000),
        ] {
            slices.push(
                port.archive
                    .read(Read::new("run_1", "build", place).limit_bytes(1000))
                    .await
                    .expect("readable"),
            );
        }
        slices.iter_mut().for_each(|slice| slice.complete = true);
        (
            slices,
            port.archive
                .marks("run_1", MarksQuery::default())
                .await
                .expect("readable"),
        )
    };
    let before = looks().await;
    port.bus.close("run_1").await.expect("closed");
    port.bus.close("run_1").await.expect("twice is once");
    port.bus.close("run_unknown").await.expect("an unknown run is no error");
    assert_eq!(looks().await, before);
    assert_eq!(whole(&port, "build").await, text.into_bytes());
    assert_eq!(whole(&port, "redis").await, b"ready");
    let late = port.bus.append("run_1", vec![chunk("redis", 5, "!")]).await;
    assert_eq!(late, Err(LogError::Closed));
    let streams = port.archive.streams("run_1").await.expect("an answer");
    assert!(
        streams.iter().all(|info| info.complete) && streams.len() == 2,
        "{streams:?}"
    );
}

async fn everything_is_there_again(at: At<'_>) {
    let port = at.open().await;
    let batch = vec![
        chunk("build", 0, "one\ntwo"),
        mark("build", 0, 4),
        chunk("redis", 0, "up\n"),
    ];
    port.bus.append("run_1", batch).await.expect("appended");
    let end = Entry::End {
        stream: StreamId::new("redis", 1),
        offset: 3,
    };
    port.bus.append("run_1", vec![end]).await.expect("appended");
    port.bus
        .append("run_2", vec![chunk("build", 0, "closed\n")])
        .await
        .expect("appended");
    port.bus.close("run_2").await.expect("closed");
    let before = port.archive.streams("run_1").await.expect("an answer");
    drop(port);
    let port = at.open().await;
    assert_eq!(port.archive.streams("run_1").await.expect("an answer"), before);
    assert_eq!(whole(&port, "build").await, b"one\ntwo");
    let appended = port
        .bus
        .append("run_1", vec![chunk("build", 7, "\n"), mark("build", 1, 8)])
        .await
        .expect("goes on");
    assert_eq!((appended.streams[0].length, appended.streams[0].marks), (8, 2));
    let marks = port
        .archive
        .marks("run_1", MarksQuery::default())
        .await
        .expect("readable");
    assert_eq!(marks.iter().map(|at| at.line).collect::<Vec<_>>(), [1, 2]);
    let more = port.bus.append("run_1", vec![chunk("redis", 3, "x")]).await;
    assert_eq!(more, Err(LogError::Closed), "an ended stream stays ended");
    let more = port.bus.append("run_2", vec![chunk("build", 7, "x")]).await;
    assert_eq!(more, Err(LogError::Closed), "a closed run stays closed");
}

async fn a_removed_run_is_unknown(at: At<'_>) {
    let port = at.open().await;
    for run in ["run_1", "run_2"] {
        port.bus
            .append(run, vec![chunk("build", 0, "one\n")])
            .await
            .expect("appended");
    }
    port.bus.close("run_1").await.expect("closed");
    for run in ["run_1", "run_2", "run_unknown"] {
        port.archive.remove(run).await.expect("removed");
        assert_eq!(port.archive.streams(run).await.expect("an answer"), []);
    }
    let missing = port.archive.read(Read::new("run_1", "build", Place::Byte(0))).await;
    assert_eq!(missing, Err(LogError::Missing));
    drop(port);
    assert_eq!(at.open().await.archive.streams("run_1").await.expect("an answer"), []);
}

async fn bounds_are_kept(at: At<'_>) {
    let port = at.open().await;
    port.bus
        .append("run_1", vec![chunk("build", 0, vec![b'x'; CHUNK_BYTES])])
        .await
        .expect("as large as may be");
    let too_large = vec![b'x'; CHUNK_BYTES + 1];
    let error = port
        .bus
        .append("run_1", vec![chunk("a", 0, too_large)])
        .await
        .expect_err("too large");
    assert!(matches!(error, LogError::TooLarge { what: "chunk", .. }), "{error:?}");
    let error = port
        .bus
        .append("run_1", vec![chunk("a", 0, "x"); 5000])
        .await
        .expect_err("too many");
    assert!(
        matches!(
            error,
            LogError::TooLarge {
                what: "append's entries",
                ..
            }
        ),
        "{error:?}"
    );
    let whole_megabytes = (0..5).map(|part| chunk("a", part * CHUNK_BYTES as u64, vec![b'x'; CHUNK_BYTES]));
    let error = port
        .bus
        .append("run_1", whole_megabytes.collect())
        .await
        .expect_err("too much at once");
    assert!(matches!(error, LogError::TooLarge { what: "append", .. }), "{error:?}");
    let stream = StreamId::new("build", 1);
    let data = json!("x".repeat(MARK_BYTES));
    let large_mark = Entry::Mark(Mark {
        stream,
        sequence: 0,
        offset: 0,
        kind: "k".to_owned(),
        data,
    });
    let error = port
        .bus
        .append("run_1", vec![large_mark])
        .await
        .expect_err("too large a mark");
    assert!(matches!(error, LogError::TooLarge { what: "mark", .. }), "{error:?}");
    for run in ["", "..", "a/b", "run 1", "run\0"] {
        let error = port
            .bus
            .append(run, vec![chunk("build", 0, "x")])
            .await
            .expect_err("no run id");
        assert!(matches!(error, LogError::Invalid { .. }), "{run:?}: {error:?}");
    }
    let error = port
        .bus
        .append("run_1", vec![chunk_of("build", 0, 0, "x")])
        .await
        .expect_err("attempt 0");
    assert!(matches!(error, LogError::Invalid { .. }), "{error:?}");
}

async fn a_hole_is_refused(at: At<'_>) {
    let port = at.open().await;
    let hole = |expected, given| LogError::Hole {
        stream: StreamId::new("build", 1),
        expected,
        given,
    };
    let error = port
        .bus
        .append("run_1", vec![chunk("build", 5, "x")])
        .await
        .expect_err("nothing before it");
    assert_eq!(error, hole(0, 5));
    port.bus
        .append("run_1", vec![chunk("build", 0, "one\n")])
        .await
        .expect("appended");
    assert_eq!(
        port.bus
            .append("run_1", vec![chunk("build", 5, "x")])
            .await
            .expect_err("a hole"),
        hole(4, 5)
    );
    assert_eq!(
        port.bus
            .append("run_1", vec![mark("build", 1, 0)])
            .await
            .expect_err("no mark 0"),
        hole(0, 1)
    );
    assert_eq!(
        port.bus
            .append("run_1", vec![mark("build", 0, 5)])
            .await
            .expect_err("beyond"),
        hole(4, 5)
    );
    let end = Entry::End {
        stream: StreamId::new("build", 1),
        offset: 9,
    };
    assert_eq!(
        port.bus.append("run_1", vec![end]).await.expect_err("not all is here"),
        hole(4, 9)
    );
    port.bus
        .append("run_1", vec![chunk("build", 4, "x")])
        .await
        .expect("from the expected place on");
}

async fn an_append_is_whole_or_nothing(at: At<'_>) {
    let port = at.open().await;
    let batch = vec![
        chunk("build", 0, "one\n"),
        mark("build", 0, 4),
        chunk("redis", 0, "up\n"),
        chunk("build", 9, "x"),
    ];
    port.bus
        .append("run_1", batch)
        .await
        .expect_err("the last one has a hole before it");
    assert_eq!(port.archive.streams("run_1").await.expect("an answer"), []);
    assert_eq!(
        port.archive
            .marks("run_1", MarksQuery::default())
            .await
            .expect("readable"),
        []
    );
}
