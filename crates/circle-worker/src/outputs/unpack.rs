//! Outputs as a layer of the cell.

use std::path::{Path, PathBuf};

use circle_cell::{InCell, Layer, Sight};
use circle_core::run::{Failure, FailureKind};
use tokio::io::AsyncReadExt;

use crate::execute::{Shared, cell_failure};

/// Most of what the unpacker's complaint may hold.
const MAX_COMPLAINT_BYTES: u64 = 4_096;

/// Unpacks a tar of ours (a path inside the cell) into a new layer: by a process that sees nothing but the two, as the
/// user who is root in the containers, so that everything is theirs.
pub(crate) async fn unpack(shared: &Shared<'_>, tar: &Path) -> Result<Layer, Failure> {
    let failed = |why: String| {
        Failure::new(
            FailureKind::Infrastructure,
            format!("the outputs could not be unpacked: {why}"),
        )
    };
    let layer = shared
        .cell
        .new_layer(&shared.fresh_name("layer"))
        .await
        .map_err(cell_failure("a layer for the outputs"))?;
    let target = layer.folder().inside().to_owned();
    let argv = [
        "/usr/bin/tar",
        "--extract",
        "--preserve-permissions",
        "--no-same-owner",
        "--file",
    ];
    let mut argv: Vec<std::ffi::OsString> = argv.into_iter().map(Into::into).collect();
    argv.extend([
        tar.as_os_str().to_owned(),
        "--directory".into(),
        target.clone().into_os_string(),
    ]);
    let mut command = InCell::new(Some(shared.cell.remapped_root()), argv);
    command.sight = Sight::Only(vec![tar.parent().map_or_else(PathBuf::new, Path::to_owned), target]);
    let mut child = shared
        .cell
        .exec(command)
        .await
        .map_err(|error| failed(error.to_string()))?;
    let mut complaint = Vec::new();
    if let Some(stderr) = child.stderr.take() {
        let _ = stderr.take(MAX_COMPLAINT_BYTES).read_to_end(&mut complaint).await;
    }
    let exit = child.wait().await.map_err(|error| failed(error.to_string()))?;
    if exit.is_success() {
        Ok(layer)
    } else {
        Err(failed(String::from_utf8_lossy(&complaint).trim().to_owned()))
    }
}
