//! Following.

use std::time::Duration;

use tokio::time::timeout;

use super::Fixture;
use super::logs::{Port, chunk, chunk_of};
use crate::logs::{Entry, Follow, Followed, StreamId};

type At<'a> = &'a dyn Fixture<Port>;

/// How long a follower may take to see what is there.
const SOON: Duration = Duration::from_secs(20);

async fn next(follow: &mut dyn Follow) -> Followed {
    timeout(SOON, follow.next())
        .await
        .expect("something comes")
        .expect("readable")
}

/// Bytes up to what is not bytes.
async fn drain(follow: &mut dyn Follow, mut offset: u64) -> (Vec<u8>, Followed) {
    let mut bytes = Vec::new();
    loop {
        match next(follow).await {
            Followed::Bytes { slice, .. } => {
                assert_eq!(slice.offset, offset, "in order, without holes");
                assert!(!slice.bytes.is_empty());
                offset = slice.next_offset();
                bytes.extend_from_slice(&slice.bytes);
            }
            other => return (bytes, other),
        }
    }
}

pub(super) async fn every_byte_once(at: At<'_>) {
    let port = at.open().await;
    // It waits for a stage that has not begun.
    let mut follow = port.bus.follow("run_1", "build", 0).await.expect("followed");
    let lines: Vec<String> = (0..200).map(|line| format!("line {line}\n")).collect();
    let write = async {
        let mut offset = 0;
        for line in &lines {
            port.bus
                .append("run_1", vec![chunk("build", offset, line.clone())])
                .await
                .expect("appended");
            offset += line.len() as u64;
        }
        let end = Entry::End {
            stream: StreamId::new("build", 1),
            offset,
        };
        port.bus.append("run_1", vec![end]).await.expect("ended");
    };
    let ((bytes, end), ()) = tokio::join!(drain(&mut *follow, 0), write);
    assert_eq!(String::from_utf8(bytes).expect("text"), lines.concat());
    assert_eq!(end, Followed::End);
    assert_eq!(next(&mut *follow).await, Followed::End, "it stays at the end");
}

pub(super) async fn goes_on_at_an_offset(at: At<'_>) {
    let port = at.open().await;
    port.bus
        .append("run_1", vec![chunk("build", 0, "one\ntwo\n")])
        .await
        .expect("appended");
    let mut follow = port.bus.follow("run_1", "build", 4).await.expect("followed");
    let Followed::Bytes { attempt: 1, slice } = next(&mut *follow).await else {
        panic!("not bytes")
    };
    assert_eq!((&slice.bytes[..], slice.line), (&b"two\n"[..], 1));
    let mut ahead = port.bus.follow("run_1", "build", 12).await.expect("followed");
    let (followed, appended) = tokio::join!(
        next(&mut *ahead),
        port.bus.append("run_1", vec![chunk("build", 8, "three\nfour\n")])
    );
    appended.expect("appended");
    let Followed::Bytes { slice, .. } = followed else {
        panic!("not bytes: {followed:?}")
    };
    assert_eq!(
        (&slice.bytes[..], slice.offset),
        (&b"e\nfour\n"[..], 12),
        "it waited for its offset"
    );
}

pub(super) async fn tells_of_a_newer_attempt(at: At<'_>) {
    let port = at.open().await;
    port.bus
        .append("run_1", vec![chunk("build", 0, "first\n")])
        .await
        .expect("appended");
    let mut follow = port.bus.follow("run_1", "build", 0).await.expect("followed");
    assert!(matches!(next(&mut *follow).await, Followed::Bytes { attempt: 1, .. }));
    port.bus
        .append("run_1", vec![chunk_of("build", 2, 0, "second\n")])
        .await
        .expect("appended");
    assert_eq!(next(&mut *follow).await, Followed::Superseded { attempt: 2 });
    let Followed::Bytes { attempt: 2, slice } = next(&mut *follow).await else {
        panic!("not bytes of attempt 2")
    };
    assert_eq!((&slice.bytes[..], slice.offset), (&b"second\n"[..], 0));
}

pub(super) async fn ends_with_the_run(at: At<'_>) {
    let port = at.open().await;
    port.bus
        .append("run_1", vec![chunk("build", 0, "one\n")])
        .await
        .expect("appended");
    let mut follow = port.bus.follow("run_1", "build", 0).await.expect("followed");
    let mut never_began = port.bus.follow("run_1", "deploy", 0).await.expect("followed");
    let waiting = async { (drain(&mut *follow, 0).await, next(&mut *never_began).await) };
    let (((bytes, end), never), closed) = tokio::join!(waiting, port.bus.close("run_1"));
    closed.expect("closed");
    assert_eq!((&bytes[..], end, never), (&b"one\n"[..], Followed::End, Followed::End));
    let mut later = port.bus.follow("run_1", "build", 2).await.expect("followed");
    assert_eq!(
        drain(&mut *later, 2).await,
        (b"e\n".to_vec(), Followed::End),
        "a closed run is followed to its end"
    );
}

pub(super) async fn growth_wakes(at: At<'_>) {
    let port = at.open().await;
    let seen = timeout(SOON, port.bus.grown("run_1", 0))
        .await
        .expect("at once")
        .expect("an answer");
    let append = port.bus.append("run_1", vec![chunk("build", 0, "one\n")]);
    let (grown, appended) = tokio::join!(timeout(SOON, port.bus.grown("run_1", seen)), append);
    appended.expect("appended");
    let seen = grown.expect("woken by the append").expect("an answer");
    let (grown, closed) = tokio::join!(timeout(SOON, port.bus.grown("run_1", seen)), port.bus.close("run_1"));
    closed.expect("closed");
    grown.expect("woken by the end").expect("an answer");
}
