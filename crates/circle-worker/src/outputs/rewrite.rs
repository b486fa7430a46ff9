//! From the engine's archive of one output to the stage's own tar, entry by entry.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use futures_util::StreamExt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tar::{Archive, Builder, EntryType, Header};

use super::check::{Checker, Entry, Kind, Place};

/// Why an output was not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RewriteError {
    /// An entry breaks a rule.
    #[error("{0}")]
    Refused(String),
    /// The stream broke, or the disk is full.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Appends the checked entries of `archive` to `tar`, owned by nobody in particular, with modes and times kept.
pub(crate) async fn rewrite<R, W>(
    archive: R,
    tar: &mut Builder<W>,
    checker: &mut Checker,
    to: &str,
) -> Result<(), RewriteError>
where
    R: AsyncRead + Unpin + Send,
    W: AsyncWrite + Unpin + Send + 'static,
{
    let mut archive = Archive::new(archive);
    let mut entries = archive.entries()?;
    while let Some(entry) = entries.next().await {
        let mut entry = entry?;
        let kind = kind(entry.header().entry_type());
        let name = entry.path_bytes()?.into_owned();
        let link = entry.link_name_bytes()?.map(std::borrow::Cow::into_owned);
        let bytes = entry.effective_size();
        let seen = Entry {
            name: &name,
            kind,
            link: link.as_deref(),
            bytes,
        };
        let place = checker.admit(&seen, to.as_bytes()).map_err(RewriteError::Refused)?;
        if place.path.is_empty() {
            continue;
        }
        let mut header = clean(entry.header(), kind, bytes)?;
        if let Some(target) = &place.link {
            append_link(tar, &mut header, &place, target).await?;
        } else {
            tar.append_data(&mut header, path(&place.path), &mut entry).await?;
        }
    }
    Ok(())
}

fn kind(of: EntryType) -> Kind {
    match of {
        EntryType::Regular | EntryType::Continuous => Kind::File,
        EntryType::Directory => Kind::Folder,
        EntryType::Symlink => Kind::Symlink,
        EntryType::Link => Kind::HardLink,
        _ => Kind::Other,
    }
}

/// A header of our own: mode and time of the entry, and nothing else of it.
fn clean(of: &Header, kind: Kind, bytes: u64) -> io::Result<Header> {
    let mut header = Header::new_gnu();
    header.set_entry_type(match kind {
        Kind::Folder => EntryType::Directory,
        Kind::Symlink => EntryType::Symlink,
        Kind::HardLink => EntryType::Link,
        Kind::File | Kind::Other => EntryType::Regular,
    });
    header.set_mode(of.mode()? & 0o777);
    header.set_mtime(of.mtime()?);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(if kind == Kind::File { bytes } else { 0 });
    Ok(header)
}

async fn append_link<W>(tar: &mut Builder<W>, header: &mut Header, place: &Place, target: &[u8]) -> io::Result<()>
where
    W: AsyncWrite + Unpin + Send + 'static,
{
    if header.set_link_name(path(target)).is_err() {
        // Longer than the header holds: GNU's way is an entry of its own before it.
        let mut long = Header::new_gnu();
        long.set_entry_type(EntryType::GNULongLink);
        long.set_size(target.len() as u64 + 1);
        let text = [target, b"\0"].concat();
        tar.append_data(&mut long, "././@LongLink", text.as_slice()).await?;
    }
    tar.append_data(header, path(&place.path), tokio::io::empty()).await
}

fn path(bytes: &[u8]) -> &Path {
    Path::new(std::ffi::OsStr::from_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use tokio_tar::{Archive, Builder, EntryType, Header};

    use super::{Checker, RewriteError, rewrite};

    /// An archive as a hostile engine may send it.
    async fn archive(entries: &[(EntryType, &str, &str)]) -> Vec<u8> {
        let mut tar = Builder::new(Vec::new());
        for (kind, name, content) in entries {
            let mut header = Header::new_gnu();
            header.set_entry_type(*kind);
            header.set_mode(0o755);
            header.set_mtime(0);
            if matches!(kind, EntryType::Symlink | EntryType::Link) {
                header.set_size(0);
                header.set_link_name(content).expect("a target");
                tar.append_data(&mut header, name, tokio::io::empty())
                    .await
                    .expect("a link");
            } else {
                header.set_size(content.len() as u64);
                tar.append_data(&mut header, name, content.as_bytes())
                    .await
                    .expect("an entry");
            }
        }
        tar.into_inner().await.expect("a tar")
    }

    /// One byte, and holes up to 8 GiB.
    fn sparse() -> Vec<u8> {
        let (end, none) = (*b"77777777777\0", *b"00000000000\0");
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::GNUSparse);
        header.set_path("d/holes").expect("a name");
        header.set_mode(0o644);
        header.set_mtime(0);
        header.set_size(1);
        let gnu = header.as_gnu_mut().expect("a header of GNU");
        gnu.realsize = end;
        (gnu.sparse[0].offset, gnu.sparse[0].numbytes) = (none, *b"00000000001\0");
        (gnu.sparse[1].offset, gnu.sparse[1].numbytes) = (end, none);
        header.set_cksum();
        let mut tar = header.as_bytes().to_vec();
        tar.extend([b'x'].iter().chain(&[0; 511 + 1024]));
        tar
    }

    /// What is left of it, or why it was refused.
    async fn rewritten(archive: &[u8]) -> Result<Vec<u8>, String> {
        let mut tar = Builder::new(Vec::new());
        match rewrite(archive, &mut tar, &mut Checker::default(), "out").await {
            Ok(()) => Ok(tar.into_inner().await.expect("a tar")),
            Err(RewriteError::Refused(why)) => Err(why),
            Err(RewriteError::Io(error)) => Err(format!("broken off: {error}")),
        }
    }

    #[tokio::test]
    async fn sec_35_a_folder_that_becomes_a_link_while_it_is_copied_leads_nowhere() {
        let swapped = archive(&[
            (EntryType::Directory, "d/sub", ""),
            (EntryType::Symlink, "d/sub", "other"),
            (EntryType::Regular, "d/sub/passwd", "root"),
        ])
        .await;
        let refused = rewritten(&swapped).await.expect_err("through a link");
        assert!(refused.contains("through a link"), "{refused}");
        let file_becomes_link =
            archive(&[(EntryType::Regular, "d/a", "x"), (EntryType::Symlink, "d/a", "other")]).await;
        assert!(
            rewritten(&file_becomes_link)
                .await
                .expect_err("twice")
                .contains("twice")
        );
    }

    #[tokio::test]
    async fn sec_36_a_sparse_file_and_one_that_says_more_than_fits_are_refused_before_they_are_written() {
        let refused = rewritten(&sparse()).await.expect_err("sparse");
        assert!(refused.contains("neither a file"), "{refused}");
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Regular);
        header.set_path("d/bomb").expect("a name");
        header.set_mode(0o644);
        header.set_mtime(0);
        header.set_size(1 << 40);
        header.set_cksum();
        let refused = rewritten(header.as_bytes()).await.expect_err("a terabyte");
        assert!(refused.contains("GiB"), "{refused}");
    }

    #[tokio::test]
    async fn sec_34_what_is_rewritten_has_our_owner_and_no_special_rights() {
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Regular);
        header.set_mode(0o6_755);
        header.set_mtime(7);
        header.set_uid(1_000);
        header.set_size(1);
        let mut tar = Builder::new(Vec::new());
        tar.append_data(&mut header, "d/tool", &b"x"[..])
            .await
            .expect("an entry");
        let kept = rewritten(&tar.into_inner().await.expect("a tar")).await.expect("taken");
        let mut kept = Archive::new(kept.as_slice());
        let mut entries = kept.entries().expect("entries");
        let entry = futures_util::StreamExt::next(&mut entries)
            .await
            .expect("one")
            .expect("whole");
        assert_eq!(entry.path_bytes().expect("a name").as_ref(), b"out/tool");
        let header = entry.header();
        assert_eq!((header.mode().ok(), header.uid().ok()), (Some(0o755), Some(0)));
    }
}
