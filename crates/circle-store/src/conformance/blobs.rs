//! The suite of [`Blobs`](crate::blobs::Blobs).

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};

use super::{Case, Fixture};
use crate::blobs::{BlobError, BlobInfo, BlobStream, Blobs, Digest};

/// What a fixture opens.
pub type Port = Arc<dyn Blobs>;
type Place<'a> = &'a dyn Fixture<Port>;

/// Every case.
pub const CASES: &[Case<Port>] = &[
    Case {
        name: "what is put is read by its digest",
        run: |place| Box::pin(what_is_put_is_read(place)),
    },
    Case {
        name: "the same twice is one",
        run: |place| Box::pin(the_same_twice_is_one(place)),
    },
    Case {
        name: "more than allowed is refused",
        run: |place| Box::pin(more_than_allowed_is_refused(place)),
    },
    Case {
        name: "a source that fails leaves nothing",
        run: |place| Box::pin(a_failing_source_leaves_nothing(place)),
    },
    Case {
        name: "deleting",
        run: |place| Box::pin(deleting(place)),
    },
    Case {
        name: "listing goes on after a digest",
        run: |place| Box::pin(listing_goes_on(place)),
    },
    Case {
        name: "blobs are there after opening again",
        run: |place| Box::pin(they_are_there_again(place)),
    },
];

fn stream(chunks: Vec<std::io::Result<Bytes>>) -> BlobStream {
    futures_util::stream::iter(chunks).boxed()
}

async fn put(blobs: &dyn Blobs, bytes: &[u8], limit: u64) -> Result<BlobInfo, BlobError> {
    let chunks = bytes
        .chunks(1_000_000)
        .map(|chunk| Ok(Bytes::copy_from_slice(chunk)))
        .collect();
    blobs.put(stream(chunks), limit).await
}

async fn read(blobs: &dyn Blobs, digest: &Digest) -> Result<Vec<u8>, BlobError> {
    let reader = blobs.get(digest).await?;
    let size = reader.size;
    let chunks: Vec<Bytes> = reader.bytes.try_collect().await?;
    let bytes = chunks.concat();
    assert_eq!(bytes.len() as u64, size, "as many as announced");
    Ok(bytes)
}

async fn what_is_put_is_read(place: Place<'_>) {
    let blobs = place.open().await;
    let large: Vec<u8> = (0..12_000_000_u32)
        .map(|byte| u8::try_from(byte % 251).expect("small"))
        .collect();
    let info = put(&*blobs, &large, 20_000_000).await.expect("put");
    assert_eq!(info.size, 12_000_000);
    assert!(
        read(&*blobs, &info.digest).await.expect("readable") == large,
        "bytes differ"
    );
    assert_eq!(blobs.info(&info.digest).await.expect("known").size, info.size);
    let empty = put(&*blobs, b"", 10).await.expect("put");
    let known = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(empty.digest.to_string(), known, "the SHA-256 of nothing");
    assert_eq!(read(&*blobs, &empty.digest).await.expect("readable"), b"");
}

async fn the_same_twice_is_one(place: Place<'_>) {
    let blobs = place.open().await;
    let first = put(&*blobs, b"out.tar", 100).await.expect("put");
    let second = put(&*blobs, b"out.tar", 100).await.expect("put");
    assert_eq!(first.digest, second.digest);
    assert_eq!(blobs.list(None).await.expect("listed").len(), 1);
}

async fn more_than_allowed_is_refused(place: Place<'_>) {
    let blobs = place.open().await;
    put(&*blobs, b"12345", 5).await.expect("as much as allowed");
    assert_eq!(put(&*blobs, b"123456", 5).await, Err(BlobError::TooLarge { limit: 5 }));
    assert_eq!(blobs.list(None).await.expect("listed").len(), 1);
}

async fn a_failing_source_leaves_nothing(place: Place<'_>) {
    let blobs = place.open().await;
    let chunks = vec![
        Ok(Bytes::from_static(b"half")),
        Err(std::io::Error::other("the container is gone")),
    ];
    let error = blobs.put(stream(chunks), 100).await.expect_err("the source failed");
    assert_eq!(
        error,
        BlobError::Source {
            reason: "the container is gone".to_owned()
        }
    );
    assert_eq!(blobs.list(None).await.expect("listed"), []);
}

async fn deleting(place: Place<'_>) {
    let blobs = place.open().await;
    let info = put(&*blobs, b"out.tar", 100).await.expect("put");
    blobs.delete(&info.digest).await.expect("deleted");
    blobs.delete(&info.digest).await.expect("what is gone may be deleted");
    let missing = BlobError::Missing(info.digest.clone());
    assert_eq!(blobs.get(&info.digest).await.expect_err("gone"), missing);
    assert_eq!(blobs.info(&info.digest).await, Err(missing));
}

async fn listing_goes_on(place: Place<'_>) {
    let blobs = place.open().await;
    let mut wanted = Vec::new();
    for number in 0..40 {
        wanted.push(
            put(&*blobs, format!("blob {number}").as_bytes(), 100)
                .await
                .expect("put")
                .digest,
        );
    }
    wanted.sort();
    let digests = |infos: Vec<BlobInfo>| infos.into_iter().map(|info| info.digest).collect::<Vec<_>>();
    assert_eq!(digests(blobs.list(None).await.expect("listed")), wanted);
    for (place, digest) in wanted.iter().enumerate() {
        assert_eq!(
            digests(blobs.list(Some(digest)).await.expect("listed")),
            wanted[place + 1..]
        );
    }
}

async fn they_are_there_again(place: Place<'_>) {
    let blobs = place.open().await;
    let info = put(&*blobs, b"out.tar", 100).await.expect("put");
    drop(blobs);
    let blobs = place.open().await;
    assert_eq!(read(&*blobs, &info.digest).await.expect("readable"), b"out.tar");
    assert_eq!(blobs.list(None).await.expect("listed"), [info]);
}
