//! Writes the archive, entry by entry, into a queue of bounded length.

use std::path::Path;
use std::pin::pin;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio_util::io::ReaderStream;

use crate::limits::BACKUP_STALL;

/// The last entry: a line `<sha256>  <name>` for each entry before it, in their order.
pub(super) const SUMS: &str = "SHA256SUMS";
/// Bytes of a piece on its way.
const PIECE_BYTES: usize = 256 * 1024;
/// What everything in a tar is a multiple of.
const BLOCK: usize = 512;

/// An archive that is being made.
#[derive(Debug)]
pub(super) struct Archive {
    to: mpsc::Sender<Bytes>,
    sums: tokio::fs::File,
    made_at: Timestamp,
    pub(super) entries: u64,
    pub(super) bytes: u64,
}

impl Archive {
    /// Sums are gathered in a file: there may be a million entries.
    pub(super) async fn new(to: mpsc::Sender<Bytes>, sums: &Path, made_at: Timestamp) -> anyhow::Result<Self> {
        let mut open = tokio::fs::OpenOptions::new();
        let sums = open.read(true).write(true).create_new(true).open(sums).await?;
        Ok(Self {
            to,
            sums,
            made_at,
            entries: 0,
            bytes: 0,
        })
    }

    /// An entry of a few bytes.
    pub(super) async fn text(&mut self, name: &str, text: Vec<u8>) -> anyhow::Result<()> {
        let size = text.len() as u64;
        let one = futures_util::stream::iter([Ok(Bytes::from(text))]);
        self.entry(name, size, one).await
    }

    /// An entry of the first bytes of a file.
    pub(super) async fn file(&mut self, name: &str, path: &Path, bytes: u64) -> anyhow::Result<()> {
        let file = tokio::fs::File::open(path).await?;
        self.entry(name, bytes, pieces(file.take(bytes))).await
    }

    /// An entry of exactly `size` bytes; a source that brings fewer fails the archive, what it brings beyond is left away.
    pub(super) async fn entry(
        &mut self,
        name: &str,
        size: u64,
        source: impl Stream<Item = std::io::Result<Bytes>>,
    ) -> anyhow::Result<()> {
        let sum = self.raw(name, size, source).await?;
        let line = format!("{sum}  {name}\n");
        self.sums.write_all(line.as_bytes()).await?;
        self.entries += 1;
        Ok(())
    }

    /// The sums and the end of the tar.
    pub(super) async fn finish(&mut self) -> anyhow::Result<()> {
        self.sums.flush().await?;
        let size = self.sums.stream_position().await?;
        self.sums.rewind().await?;
        let sums = self.sums.try_clone().await?;
        self.raw(SUMS, size, pieces(sums.take(size))).await?;
        self.send(Bytes::from_static(&[0; 2 * BLOCK])).await
    }

    async fn raw(
        &mut self,
        name: &str,
        size: u64,
        source: impl Stream<Item = std::io::Result<Bytes>>,
    ) -> anyhow::Result<String> {
        self.send(header(name, size, self.made_at)?).await?;
        let (mut hash, mut left) = (Sha256::new(), size);
        let mut source = pin!(source);
        while left > 0 {
            let Some(piece) = source.next().await else {
                anyhow::bail!("{name} became {left} bytes shorter while it was read");
            };
            let mut piece = piece?;
            piece.truncate(usize::try_from(left).unwrap_or(usize::MAX));
            hash.update(&piece);
            left -= piece.len() as u64;
            self.send(piece).await?;
        }
        let over = usize::try_from(size % BLOCK as u64)?;
        if over > 0 {
            self.send(Bytes::from(vec![0; BLOCK - over])).await?;
        }
        Ok(hex::encode(hash.finalize()))
    }

    async fn send(&mut self, piece: Bytes) -> anyhow::Result<()> {
        self.bytes += piece.len() as u64;
        if piece.is_empty() {
            return Ok(());
        }
        let sent = self.to.send_timeout(piece, BACKUP_STALL).await;
        sent.map_err(|_| anyhow::anyhow!("whoever asked for it went away, or took nothing for {BACKUP_STALL:?}"))
    }
}

fn pieces(source: impl tokio::io::AsyncRead) -> impl Stream<Item = std::io::Result<Bytes>> {
    ReaderStream::with_capacity(source, PIECE_BYTES)
}

fn header(name: &str, size: u64, made_at: Timestamp) -> anyhow::Result<Bytes> {
    let mut header = tar::Header::new_gnu();
    header.set_path(name)?;
    header.set_entry_type(tar::EntryType::Regular);
    header.set_size(size);
    header.set_mode(0o600);
    header.set_mtime(u64::try_from(made_at.as_second())?);
    header.set_cksum();
    Ok(Bytes::copy_from_slice(header.as_bytes()))
}
