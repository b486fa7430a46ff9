//! Blobs that changed beneath the store.

use circle_store::blobs::{BlobError, BlobInfo, Blobs, ObjectBlobs};
use futures_util::{StreamExt, stream};

/// More than one piece of any adapter.
const LARGE: usize = 300_000;

async fn put(blobs: &ObjectBlobs, bytes: Vec<u8>) -> BlobInfo {
    let pieces = stream::iter([Ok(bytes::Bytes::from(bytes))]);
    blobs.put(Box::pin(pieces), LARGE as u64).await.expect("put")
}

#[tokio::test]
async fn sec_62_a_reader_never_has_all_bytes_of_a_blob_that_changed() {
    let folder = tempfile::tempdir().expect("a folder");
    let blobs = ObjectBlobs::in_folder(folder.path()).expect("blobs");
    for size in [1, 100, LARGE] {
        let info = put(&blobs, vec![b'a'; size]).await;
        let hex = info.digest.hex();
        let file = folder.path().join("sha256").join(&hex[..2]).join(hex);
        let whole = std::fs::read(&file).expect("the blob");
        for damage in [
            // As long as before, shorter, longer, nothing.
            [&whole[..size - 1], b"b"].concat(),
            whole[..size - 1].to_vec(),
            [&whole[..], b"b"].concat(),
            Vec::new(),
        ] {
            std::fs::write(&file, &damage).expect("the blob");
            let mut reader = blobs.get(&info.digest).await.expect("a reader");
            let (mut had, mut end) = (0, None);
            while let Some(piece) = reader.bytes.next().await {
                match piece {
                    Ok(piece) => had += piece.len() as u64,
                    Err(error) => end = Some(error),
                }
            }
            assert_eq!(end, Some(BlobError::Corrupt(info.digest.clone())), "{size}");
            assert!(
                had < reader.size.max(1),
                "{had} of {} bytes before the error",
                reader.size
            );
        }
    }
}
