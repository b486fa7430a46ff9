//! The build context: the view as a tar, streamed; what `.dockerignore` names is left out on the way.

use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};
use circle_cell::InCellChild;
use circle_core::plan::ImageBuild;
use circle_core::run::{Failure, FailureKind};
use futures_util::StreamExt;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_stream::wrappers::ReceiverStream;

use super::ignore::Ignore;
use super::read;
use crate::engine::Body;
use crate::execute::{StageRun, leads_out};

const BLOCK: usize = 512;
/// Pieces of a file on their way.
const PIECE_BYTES: usize = 64 * 1024;
/// Pieces that may wait for the engine.
const QUEUE: usize = 16;
/// Longest name of GNU's long entries.
const MAX_NAME_BYTES: usize = 64 * 1024;
/// Longest `.dockerignore`.
const MAX_IGNORE_BYTES: u64 = 1024 * 1024;
/// Most bytes of a context.
const MAX_CONTEXT_BYTES: u64 = 16 * 1024 * 1024 * 1024;
/// Most of what the packer's complaint may hold.
const MAX_COMPLAINT_BYTES: u64 = 4_096;

/// A context on its way; dropping it stops it.
#[derive(Debug)]
pub(super) struct Context {
    tasks: JoinSet<Result<(), String>>,
}

impl Context {
    /// Begins to pack the image's context and gives the body of the request.
    pub(super) async fn stream(stage: &StageRun<'_>, view: &Path, image: &ImageBuild) -> Result<(Self, Body), Failure> {
        let folder = folder(stage, view, image).await?;
        let ignore = ignore(stage, view, &folder, image).await?;
        let argv = [
            "/usr/bin/tar",
            "--create",
            "--format=gnu",
            "--sort=name",
            "--numeric-owner",
        ];
        let mut argv: Vec<std::ffi::OsString> = argv.into_iter().map(Into::into).collect();
        // The engine unpacks a context without mapping its owners: only the mapped root's own number is root in the image.
        let root = stage.shared.cell.remapped_root();
        argv.extend([
            format!("--owner=+{}", root.uid).into(),
            format!("--group=+{}", root.gid).into(),
        ]);
        argv.extend([
            "--file=-".into(),
            "--directory".into(),
            folder.into_os_string(),
            ".".into(),
        ]);
        let mut child = read::start(stage.shared, view, argv).await?;
        let (pieces, queue) = mpsc::channel(QUEUE);
        let mut tasks = JoinSet::new();
        let stdout = child.stdout.take();
        tasks.spawn(async move {
            let packed = match stdout {
                Some(stdout) => filter(stdout, &ignore, &pieces).await,
                None => Err("the packer has no output".to_owned()),
            };
            let packed = match packed {
                Ok(()) => end(child).await,
                Err(why) => Err(why),
            };
            if let Err(why) = &packed {
                // The engine must not take half a context for a whole one.
                let _ = pieces.send(Err(std::io::Error::other(why.clone()))).await;
            }
            packed
        });
        let body = BodyExt::boxed(StreamBody::new(
            ReceiverStream::new(queue).map(|piece| piece.map(Frame::data)),
        ));
        Ok((Self { tasks }, body))
    }

    /// Why packing failed, when it did.
    pub(super) fn complaint(&mut self) -> Option<String> {
        self.tasks.try_join_next().and_then(Result::ok).and_then(Result::err)
    }
}

/// Where the context lies in the view. The packer would follow a committed link out of the checkout, to what the machine shows
/// to all of its processes.
pub(super) async fn folder(stage: &StageRun<'_>, view: &Path, image: &ImageBuild) -> Result<PathBuf, Failure> {
    let found = stage.within(&view.display().to_string(), &image.context).await?;
    let found = found.ok_or_else(|| leads_out(&format!("the context {} of image {}", image.context, image.name)));
    found.map(PathBuf::from)
}

async fn ignore(stage: &StageRun<'_>, view: &Path, folder: &Path, image: &ImageBuild) -> Result<Ignore, Failure> {
    let own = format!("{}.dockerignore", image.dockerfile);
    let mut text = read::text(stage.shared, view, &folder.join(&own), MAX_IGNORE_BYTES).await?;
    if text.is_none() {
        text = read::text(stage.shared, view, &folder.join(".dockerignore"), MAX_IGNORE_BYTES).await?;
    }
    let kept = vec![
        image.dockerfile.trim_start_matches("./").to_owned(),
        ".dockerignore".to_owned(),
        own,
    ];
    let (ignore, warnings) = Ignore::parse(&text.unwrap_or_default(), kept);
    for warning in warnings {
        stage.log.say(&format!("circle: {warning}")).await;
    }
    Ok(ignore)
}

async fn end(mut child: InCellChild) -> Result<(), String> {
    let mut complaint = Vec::new();
    if let Some(stderr) = child.stderr.take() {
        let _ = stderr.take(MAX_COMPLAINT_BYTES).read_to_end(&mut complaint).await;
    }
    match child.wait().await {
        Ok(exit) if exit.is_success() => Ok(()),
        Ok(_) => Err(String::from_utf8_lossy(&complaint).trim().to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

type Pieces = mpsc::Sender<Result<Bytes, std::io::Error>>;

/// Passes entries on that stay. Reads the format of GNU tar: 512-byte blocks, long names in entries of their own before.
async fn filter(mut tar: impl AsyncRead + Unpin, ignore: &Ignore, pieces: &Pieces) -> Result<(), String> {
    let mut before = BytesMut::new();
    let mut long_name: Option<Vec<u8>> = None;
    let mut total = 0;
    loop {
        let mut header = [0; BLOCK];
        match tar.read_exact(&mut header).await {
            Ok(_) => {}
            // The packer says why it stopped; that is the better reason.
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error.to_string()),
        }
        if header.iter().all(|byte| *byte == 0) {
            return finish(tar, pieces).await;
        }
        let size = size(&header)?;
        if matches!(header[156], b'L' | b'K') {
            let data = long_entry(&mut tar, size).await?;
            if header[156] == b'L' {
                long_name = Some(data.iter().copied().take_while(|byte| *byte != 0).collect());
            }
            before.extend_from_slice(&header);
            before.extend_from_slice(&data);
            continue;
        }
        let name = long_name.take().unwrap_or_else(|| short_name(&header));
        let name = String::from_utf8_lossy(&name)
            .trim_start_matches("./")
            .trim_end_matches('/')
            .to_owned();
        let stays = name != "." && !ignore.leaves_out(&name);
        if stays {
            total += size;
            before.extend_from_slice(&header);
            send(pieces, before.split().freeze()).await?;
        } else {
            before.clear();
        }
        if total > MAX_CONTEXT_BYTES {
            return Err(
                "the build context has more than 16 GiB; name what it does not need in .dockerignore".to_owned(),
            );
        }
        pass(&mut tar, padded(size), stays, pieces).await?;
    }
}

/// The end of the archive: two empty blocks; what the packer adds to fill its record is read and left out.
async fn finish(mut tar: impl AsyncRead + Unpin, pieces: &Pieces) -> Result<(), String> {
    send(pieces, Bytes::from_static(&[0; 2 * BLOCK])).await?;
    let mut rest = vec![0; PIECE_BYTES];
    while tar.read(&mut rest).await.map_err(|error| error.to_string())? > 0 {}
    Ok(())
}

async fn long_entry(tar: &mut (impl AsyncRead + Unpin), size: u64) -> Result<Vec<u8>, String> {
    let length = usize::try_from(padded(size)).unwrap_or(usize::MAX);
    if length > MAX_NAME_BYTES {
        return Err("a name in the build context is longer than 64 KiB".to_owned());
    }
    let mut data = vec![0; length];
    tar.read_exact(&mut data).await.map_err(|error| error.to_string())?;
    Ok(data)
}

async fn pass(tar: &mut (impl AsyncRead + Unpin), mut left: u64, stays: bool, pieces: &Pieces) -> Result<(), String> {
    while left > 0 {
        let length = usize::try_from(left).unwrap_or(PIECE_BYTES).min(PIECE_BYTES);
        let mut piece = BytesMut::zeroed(length);
        tar.read_exact(&mut piece).await.map_err(|error| error.to_string())?;
        if stays {
            send(pieces, piece.freeze()).await?;
        }
        left -= length as u64;
    }
    Ok(())
}

async fn send(pieces: &Pieces, piece: Bytes) -> Result<(), String> {
    pieces
        .send(Ok(piece))
        .await
        .map_err(|_| "the engine stopped reading the build context".to_owned())
}

fn short_name(header: &[u8; BLOCK]) -> Vec<u8> {
    header[..100].iter().copied().take_while(|byte| *byte != 0).collect()
}

/// The size in octal digits, or beyond 8 GiB as a big-endian number (GNU's extension).
fn size(header: &[u8; BLOCK]) -> Result<u64, String> {
    let field = &header[124..136];
    if matches!(header[156], b'1' | b'2' | b'3' | b'4' | b'5' | b'6') {
        return Ok(0);
    }
    if field[0] & 0x80 != 0 {
        return Ok(field[4..].iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)));
    }
    let digits: String = field
        .iter()
        .map(|byte| char::from(*byte))
        .filter(char::is_ascii_digit)
        .collect();
    u64::from_str_radix(&digits, 8).map_err(|_| "the packer wrote a size that is no number".to_owned())
}

fn padded(size: u64) -> u64 {
    size.div_ceil(BLOCK as u64) * BLOCK as u64
}

/// A context that is not there, as a sentence.
pub(super) fn missing(image: &ImageBuild) -> Failure {
    let message = format!(
        "the Dockerfile {} is not in the context {} of the image {}",
        image.dockerfile, image.context, image.name
    );
    Failure::new(FailureKind::Build, message)
}

#[cfg(test)]
mod tests {
    use super::{Ignore, filter};
    use tokio::sync::mpsc;
    use tokio_tar::{Builder, Header};

    #[tokio::test]
    async fn what_is_ignored_never_reaches_the_engine() {
        let long = format!("src/{}/file", "long-".repeat(40));
        let mut tar = Builder::new(Vec::new());
        for (name, content) in [
            ("./Dockerfile", "FROM x"),
            ("./secret.key", "0123"),
            (&format!("./{long}"), "y"),
            ("./target/a", "z"),
        ] {
            let mut header = Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, name, content.as_bytes())
                .await
                .expect("an entry");
        }
        let packed = tar.into_inner().await.expect("a tar");
        let (pieces, mut queue) = mpsc::channel(64);
        let (ignore, _) = Ignore::parse("target\n*.key\n", Vec::new());
        filter(packed.as_slice(), &ignore, &pieces)
            .await
            .expect("a filtered tar");
        drop(pieces);
        let mut shown = Vec::new();
        while let Some(piece) = queue.recv().await {
            shown.extend_from_slice(&piece.expect("a piece"));
        }
        let mut archive = tar::Archive::new(shown.as_slice());
        let names: Vec<String> = archive
            .entries()
            .expect("entries")
            .map(|entry| entry.expect("an entry").path().expect("a name").display().to_string())
            .collect();
        assert_eq!(
            names
                .iter()
                .map(|name| name.trim_start_matches("./"))
                .collect::<Vec<_>>(),
            ["Dockerfile", long.as_str()]
        );
    }
}
