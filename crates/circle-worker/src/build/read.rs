//! Reading the stage's view: it is mounted inside the cell only, so processes of the cell read it, as the user who is
//! root in the containers, who sees nothing else.

use std::ffi::OsString;
use std::path::Path;

use circle_cell::{InCell, InCellChild, Sight};
use circle_core::run::{Failure, FailureKind};
use tokio::io::AsyncReadExt;

use crate::execute::Shared;

/// Starts a program that sees only the view.
pub(super) async fn start(shared: &Shared<'_>, view: &Path, argv: Vec<OsString>) -> Result<InCellChild, Failure> {
    let mut command = InCell::new(Some(shared.cell.remapped_root()), argv);
    command.sight = Sight::Only(vec![view.to_owned()]);
    shared.cell.exec(command).await.map_err(|error| {
        Failure::new(
            FailureKind::Infrastructure,
            format!("the stage's files could not be read: {error}"),
        )
    })
}

/// A small file of the view, at most `limit` bytes of it; `None` when there is none.
pub(super) async fn text(shared: &Shared<'_>, view: &Path, file: &Path, limit: u64) -> Result<Option<String>, Failure> {
    let argv = [
        "/usr/bin/head".into(),
        format!("--bytes={limit}").into(),
        "--".into(),
        file.as_os_str().to_owned(),
    ];
    let mut child = start(shared, view, argv.into()).await?;
    let mut content = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        let read = stdout.take(limit).read_to_end(&mut content).await;
        read.map_err(|error| {
            Failure::new(
                FailureKind::Infrastructure,
                format!("a file could not be read: {error}"),
            )
        })?;
    }
    let exit = child.wait().await;
    let exit = exit.map_err(|error| {
        Failure::new(
            FailureKind::Infrastructure,
            format!("a file could not be read: {error}"),
        )
    })?;
    Ok(exit
        .is_success()
        .then(|| String::from_utf8_lossy(&content).into_owned()))
}
