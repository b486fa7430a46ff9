//! `volumes`: folders and files of the checkout in containers.
//!
//! The engine follows links when it mounts, as root of the cell, and would show a job whatever a committed link names:
//! the cell's own folders, the engine's socket. So the way is walked beforehand by a process that sees the view alone,
//! and the engine gets what came out, which holds no link. The view is fresh, no container writes to it yet.

use std::path::Path;

use bollard::models::Mount;
use circle_cell::{Exit, InCell, Sight};
use circle_core::plan::Bind;
use circle_core::run::{Failure, FailureKind};
use tokio::io::AsyncReadExt;

use super::container::bind;
use super::context::{StageRun, cell_failure};

/// In every cell.
const REALPATH: &str = "/usr/bin/realpath";
/// Longest path that the kernel takes, with its end.
const MAX_PATH_BYTES: u64 = 4_097;

impl StageRun<'_> {
    /// The mounts of a container's volumes.
    pub(super) async fn volumes(&self, view: &str, volumes: &[Bind]) -> Result<Vec<Mount>, Failure> {
        let mut mounts = Vec::with_capacity(volumes.len());
        for volume in volumes {
            let source = self.within(view, &volume.from).await?;
            let source = source.ok_or_else(|| leads_out(&format!("the volume {}", volume.from)))?;
            mounts.push(bind(&source, &volume.to, volume.read_only));
        }
        Ok(mounts)
    }

    /// Where a path of the file leads within the view; `None` when it is not there or leads out.
    pub(crate) async fn within(&self, view: &str, path: &str) -> Result<Option<String>, Failure> {
        let asked = format!("{view}/{path}");
        let argv = [REALPATH, "--canonicalize-existing", "--zero", "--", &asked];
        let mut command = InCell::new(Some(self.shared.cell.remapped_root()), argv);
        command.sight = Sight::Only(vec![view.into()]);
        let failed = cell_failure("the way of a path in the checkout");
        let mut child = self.shared.cell.exec(command).await.map_err(failed)?;
        let mut found = Vec::new();
        if let Some(stdout) = child.stdout.take() {
            // What was not read to its end is no path within the view.
            let _ = stdout.take(MAX_PATH_BYTES).read_to_end(&mut found).await;
        }
        let exit = child
            .wait()
            .await
            .map_err(cell_failure("the way of a path in the checkout"))?;
        Ok(resolved(exit, &found, view))
    }
}

/// A path of the file that is none of the checkout.
pub(crate) fn leads_out(what: &str) -> Failure {
    let message = format!(
        "{what} is refused: there is no such folder or file in the checkout, or a link on its way leads out of it"
    );
    Failure::new(FailureKind::Refused, message)
}

/// The path that was printed, if it is the view or lies beneath it.
fn resolved(exit: Exit, printed: &[u8], view: &str) -> Option<String> {
    let path = printed.strip_suffix(b"\0").filter(|_| exit.is_success())?;
    let path = std::str::from_utf8(path).ok()?;
    Path::new(path).starts_with(view).then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use circle_cell::Exit;

    use super::resolved;

    #[test]
    fn sec_34_a_volume_lies_within_the_view() {
        let good = Exit::Code(0);
        for inside in ["/cell/views/v-1", "/cell/views/v-1/a/b"] {
            let printed = format!("{inside}\0");
            assert_eq!(
                resolved(good, printed.as_bytes(), "/cell/views/v-1").as_deref(),
                Some(inside)
            );
        }
        for outside in [
            "/cell/views/v-10\0",
            "/cell/views\0",
            "/usr/bin\0",
            "/cell/views/v-1/cut",
            "",
        ] {
            assert_eq!(resolved(good, outside.as_bytes(), "/cell/views/v-1"), None, "{outside}");
        }
        assert_eq!(resolved(Exit::Code(1), b"/cell/views/v-1\0", "/cell/views/v-1"), None);
    }
}
