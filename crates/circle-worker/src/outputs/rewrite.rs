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
