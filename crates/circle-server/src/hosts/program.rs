//! This very program as what is sent to hosts, so that a worker there always speaks the server's protocol.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt};
use sha2::{Digest, Sha256};
use tokio::fs::File;
use tokio::io::AsyncReadExt;
use tokio_util::io::ReaderStream;

/// A tar is written in blocks of so many bytes.
const BLOCK: u64 = 512;
/// Enough of a hash for a tag.
const TAG_DIGITS: usize = 16;

/// A program on this machine.
#[derive(Debug, Clone)]
pub(super) struct Program(PathBuf);

impl Program {
    /// This process's own, also when its file was replaced meanwhile.
    pub(super) fn own() -> Self {
        Self(PathBuf::from("/proc/self/exe"))
    }

    #[cfg(test)]
    fn at(path: PathBuf) -> Self {
        Self(path)
    }

    /// A tag that another program does not have: by its size and its time, since reading it all to know it would take
    /// longer than to send it.
    pub(super) fn tag(&self) -> io::Result<String> {
        let known: Metadata = std::fs::metadata(&self.0)?;
        let facts = format!(
            "{} {} {}.{}",
            env!("CARGO_PKG_VERSION"),
            known.len(),
            known.mtime(),
            known.mtime_nsec()
        );
        let mut tag = hex::encode(Sha256::digest(facts));
        tag.truncate(TAG_DIGITS);
        Ok(tag)
    }

    /// A tar with the program as its only file, read while it is sent.
    pub(super) async fn tar(&self, name: &str) -> io::Result<BoxStream<'static, io::Result<Bytes>>> {
        let file = File::open(&self.0).await?;
        let length = file.metadata().await?.len();
        let header = header(name, length, 0o755)?;
        let padding = vec![0; usize::try_from(length.next_multiple_of(BLOCK) - length + 2 * BLOCK).unwrap_or(0)];
        let head = stream::once(async { Ok(header) });
        let tail = stream::once(async { Ok(Bytes::from(padding)) });
        // Neither more nor less than the header says, whatever becomes of the file meanwhile.
        let content = ReaderStream::with_capacity(file.take(length), 1 << 20);
        Ok(head.chain(content).chain(tail).boxed())
    }
}

/// A tar with one small file that only root reads.
pub(super) fn small_tar(name: &str, content: &str) -> io::Result<Vec<u8>> {
    let length = content.len() as u64;
    let mut tar = header(name, length, 0o600)?.to_vec();
    tar.extend_from_slice(content.as_bytes());
    let whole = length.next_multiple_of(BLOCK) + BLOCK + 2 * BLOCK;
    tar.resize(usize::try_from(whole).unwrap_or(tar.len()), 0);
    Ok(tar)
}

fn header(name: &str, length: u64, mode: u32) -> io::Result<Bytes> {
    let mut header = tar::Header::new_gnu();
    header.set_path(name)?;
    header.set_size(length);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_entry_type(tar::EntryType::Regular);
    header.set_cksum();
    Ok(Bytes::copy_from_slice(header.as_bytes()))
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use futures_util::TryStreamExt;

    use super::{Program, small_tar};

    fn only_file(tar: &[u8]) -> (String, u32, Vec<u8>) {
        let mut archive = tar::Archive::new(tar);
        let mut entries = archive.entries().expect("a tar");
        let mut entry = entries.next().expect("a file").expect("whole");
        let mut content = Vec::new();
        entry.read_to_end(&mut content).expect("whole");
        let path = entry.path().expect("a path").display().to_string();
        let mode = entry.header().mode().expect("a mode");
        drop(entry);
        assert!(entries.next().is_none(), "there is only one");
        (path, mode, content)
    }

    #[tokio::test]
    async fn a_program_is_sent_as_it_is_and_known_by_its_tag() {
        let folder = tempfile::tempdir().expect("a folder");
        for length in [0, 1, 511, 512, 513, 3 << 20] {
            let path = folder.path().join("program");
            let content: Vec<u8> = (0..length).map(|place| (place % 251) as u8).collect();
            std::fs::write(&path, &content).expect("written");
            let program = Program::at(path);
            let stream = program.tar("usr/local/bin/circle").await.expect("it is there");
            let pieces: Vec<_> = stream.try_collect().await.expect("it is read");
            let sent = only_file(&pieces.concat());
            assert_eq!(sent.0, "usr/local/bin/circle");
            assert_eq!(sent.1, 0o755);
            assert!(sent.2 == content, "{length} bytes");
            assert_eq!(program.tag().expect("a tag"), program.tag().expect("the same"));
        }
        assert_eq!(Program::own().tag().expect("this one").len(), 16);
    }

    #[test]
    fn a_secret_is_sent_for_root_alone() {
        let tar = small_tar("circle-enrolment", "circle_enrol_00").expect("a tar");
        assert_eq!(
            only_file(&tar),
            ("circle-enrolment".into(), 0o600, b"circle_enrol_00".to_vec())
        );
    }
}
