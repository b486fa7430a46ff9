//! The adapter over `object_store`: a folder today, any object store it knows by another constructor.
//!
//! What comes in is written under `incoming/` while it is hashed, and renamed to `sha256/<xx>/<digest>` once whole.

use std::path::Path as FolderPath;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt, PutPayload};
use sha2::{Digest as _, Sha256};

use super::{BLOB_BYTES, BlobError, BlobInfo, BlobReader, BlobStream, Blobs, Digest, LIST_BLOBS};
use crate::FolderLockError;
use crate::folder_lock::FolderLock;

/// Bytes gathered before they are handed on: the least that remote object stores take as a part.
const PART_BYTES: usize = 5 * 1024 * 1024;
/// Where blobs are written until they are whole.
const INCOMING: &str = "incoming";

/// Blobs in an object store.
#[derive(Debug)]
pub struct ObjectBlobs {
    objects: Arc<dyn ObjectStore>,
    _lock: Option<FolderLock>,
}

impl ObjectBlobs {
    /// In a folder, which it makes where it is missing; removes what a crash has left half. Blocks.
    pub fn in_folder(folder: &FolderPath) -> Result<Self, FolderLockError> {
        let lock = FolderLock::take(folder)?;
        let io = |source| FolderLockError::Io {
            folder: folder.to_owned(),
            source,
        };
        let incoming = folder.join(INCOMING);
        if incoming.exists() {
            std::fs::remove_dir_all(&incoming).map_err(io)?;
        }
        let objects = LocalFileSystem::new_with_prefix(folder).map_err(|error| io(std::io::Error::other(error)))?;
        Ok(Self {
            objects: Arc::new(objects.with_fsync(true)),
            _lock: Some(lock),
        })
    }

    /// In any object store; whoever makes it sees to it that `incoming/` is emptied of what is old.
    pub fn over(objects: Arc<dyn ObjectStore>) -> Self {
        Self { objects, _lock: None }
    }
}

#[async_trait]
impl Blobs for ObjectBlobs {
    async fn put(&self, source: BlobStream, limit_bytes: u64) -> Result<BlobInfo, BlobError> {
        let incoming = Path::from(format!("{INCOMING}/{}", uuid::Uuid::now_v7().simple()));
        let mut upload = self
            .objects
            .put_multipart(&incoming)
            .await
            .map_err(|error| unavailable(&error))?;
        let received = receive(source, upload.as_mut(), limit_bytes.min(BLOB_BYTES)).await;
        let digest = match received {
            Ok(digest) => digest,
            Err(error) => {
                // What is left over is removed when the folder opens again.
                let _ = upload.abort().await;
                return Err(error);
            }
        };
        upload.complete().await.map_err(|error| unavailable(&error))?;
        self.objects
            .rename(&incoming, &path_of(&digest))
            .await
            .map_err(|error| unavailable(&error))?;
        self.info(&digest).await
    }

    async fn get(&self, digest: &Digest) -> Result<BlobReader, BlobError> {
        let found = self
            .objects
            .get(&path_of(digest))
            .await
            .map_err(|error| not_got(digest, &error))?;
        let size = found.meta.size;
        let bytes = checked(found.into_stream(), digest.clone()).boxed();
        Ok(BlobReader { size, bytes })
    }

    async fn info(&self, digest: &Digest) -> Result<BlobInfo, BlobError> {
        let meta = self
            .objects
            .head(&path_of(digest))
            .await
            .map_err(|error| not_got(digest, &error))?;
        Ok(info_of(digest.clone(), &meta))
    }

    async fn delete(&self, digest: &Digest) -> Result<(), BlobError> {
        match self.objects.delete(&path_of(digest)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(unavailable(&error)),
        }
    }

    async fn list(&self, after: Option<&Digest>) -> Result<Vec<BlobInfo>, BlobError> {
        let first = after
            .and_then(|digest| u8::from_str_radix(&digest.hex()[..2], 16).ok())
            .unwrap_or(0);
        let mut found = Vec::new();
        // Object stores need not list in order, so one of the 256 folders is sorted at a time.
        for shard in first..=u8::MAX {
            let mut infos = self.list_shard(shard).await?;
            infos.retain(|info| after.is_none_or(|after| info.digest > *after));
            infos.sort_by(|left, right| left.digest.cmp(&right.digest));
            found.extend(infos);
            if found.len() >= LIST_BLOBS {
                found.truncate(LIST_BLOBS);
                break;
            }
        }
        Ok(found)
    }
}

impl ObjectBlobs {
    async fn list_shard(&self, shard: u8) -> Result<Vec<BlobInfo>, BlobError> {
        let prefix = Path::from(format!("sha256/{shard:02x}"));
        let objects = self.objects.list(Some(&prefix));
        let infos = objects.try_filter_map(|meta| async move {
            let digest = meta
                .location
                .filename()
                .and_then(|name| format!("sha256:{name}").parse().ok());
            Ok(digest.map(|digest| info_of(digest, &meta)))
        });
        infos.try_collect().await.map_err(|error| unavailable(&error))
    }
}

async fn receive(
    mut source: BlobStream,
    upload: &mut dyn MultipartUpload,
    limit_bytes: u64,
) -> Result<Digest, BlobError> {
    let mut hash = Sha256::new();
    let mut total = 0_u64;
    let mut part = Part::default();
    while let Some(bytes) = source.next().await {
        let bytes = bytes.map_err(|error| BlobError::Source {
            reason: error.to_string(),
        })?;
        total += bytes.len() as u64;
        if total > limit_bytes {
            return Err(BlobError::TooLarge { limit: limit_bytes });
        }
        hash.update(&bytes);
        part.push(bytes);
        if part.bytes >= PART_BYTES {
            put_part(upload, &mut part).await?;
        }
    }
    // An object store may refuse an upload without any part, so the last one may be empty.
    put_part(upload, &mut part).await?;
    Ok(Digest::from_hash(&hash.finalize()))
}

/// Bytes on their way, not copied together.
#[derive(Debug, Default)]
struct Part {
    chunks: Vec<Bytes>,
    bytes: usize,
}

impl Part {
    fn push(&mut self, bytes: Bytes) {
        self.bytes += bytes.len();
        self.chunks.push(bytes);
    }
}

async fn put_part(upload: &mut dyn MultipartUpload, part: &mut Part) -> Result<(), BlobError> {
    let payload: PutPayload = std::mem::take(part).chunks.into_iter().collect();
    upload.put_part(payload).await.map_err(|error| unavailable(&error))
}

/// The bytes as they come, and an error in the place of the last of them if they are not what the digest says.
///
/// The last piece is held back until all of them are checked: whoever counts what comes, as a client does that was told the
/// length, must not have everything before the error.
fn checked(
    bytes: impl Stream<Item = object_store::Result<Bytes>> + Send + 'static,
    digest: Digest,
) -> impl Stream<Item = Result<Bytes, BlobError>> + Send {
    let bytes = Box::pin(bytes.try_filter(|chunk| std::future::ready(!chunk.is_empty())));
    let state = (bytes, Sha256::new(), Bytes::new(), Some(digest));
    futures_util::stream::unfold(state, |(mut bytes, mut hash, mut held, digest)| async move {
        let wanted = digest?;
        loop {
            match bytes.next().await {
                Some(Ok(chunk)) => {
                    hash.update(&chunk);
                    let before = std::mem::replace(&mut held, chunk);
                    if !before.is_empty() {
                        return Some((Ok(before), (bytes, hash, held, Some(wanted))));
                    }
                }
                Some(Err(error)) => return Some((Err(not_got(&wanted, &error)), (bytes, hash, held, None))),
                None if Digest::from_hash(&hash.finalize_reset()) != wanted => {
                    return Some((Err(BlobError::Corrupt(wanted)), (bytes, hash, held, None)));
                }
                None if held.is_empty() => return None,
                None => return Some((Ok(std::mem::take(&mut held)), (bytes, hash, held, None))),
            }
        }
    })
}

fn path_of(digest: &Digest) -> Path {
    let hex = digest.hex();
    Path::from(format!("sha256/{}/{hex}", &hex[..2]))
}

fn info_of(digest: Digest, meta: &ObjectMeta) -> BlobInfo {
    BlobInfo {
        digest,
        size: meta.size,
        modified_ms: meta.last_modified.timestamp_millis(),
    }
}

fn not_got(digest: &Digest, error: &object_store::Error) -> BlobError {
    match error {
        object_store::Error::NotFound { .. } => BlobError::Missing(digest.clone()),
        other => unavailable(other),
    }
}

fn unavailable(error: &object_store::Error) -> BlobError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(here) = cause {
        let io = here.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        if matches!(
            io,
            Some(std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)
        ) {
            return BlobError::Full;
        }
        cause = here.source();
    }
    BlobError::Unavailable {
        reason: error.to_string(),
    }
}
