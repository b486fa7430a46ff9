//! How a cell that has done its work becomes a root.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::cell::ProcessCell;
use super::views::CACHES;
use crate::init::order::Order;
use crate::process::Remap;
use crate::remove::remove_tree;
use crate::storage::io_task;
use crate::{CellError, Exit, NotPromoted, Promoted, Promotion};

/// A daemon without containers ends in about a second.
const STOP_DEADLINE: Duration = Duration::from_secs(20);
/// What is kept of a data root: images, their layers, the build cache. Volumes, networks, containers, plugins, swarms and
/// whatever a later engine invents is made anew by each daemon.
const KEPT: [&str; 3] = ["image", "overlay2", "buildkit"];

/// Ends the cell. Its disk becomes the root, if it may; else the disk goes with the cell.
pub(super) async fn promote(cell: &ProcessCell, wish: Promotion) -> Result<Promoted, CellError> {
    let shelf = cell.core.shelf().await?;
    let began = cell.root();
    if let Err(refused) = shelf.roots.may_promote(began, &wish) {
        return Ok(Promoted::No(refused));
    }
    let held = cell.disk_hold.clone().lock_owned().await;
    let promoted = match prepare(cell, &wish).await {
        Ok(()) => shelf.roots.promote(cell.id(), began, wish).await,
        Err(error) => Err(NotPromoted::Failed(error.to_string())),
    };
    drop(held);
    Ok(match promoted {
        Ok(stamp) => Promoted::Yes(stamp),
        Err(refused) => Promoted::No(refused),
    })
}

/// Stops the daemon in order, kills the cell, and removes from its disk what no root has.
async fn prepare(cell: &ProcessCell, wish: &Promotion) -> io::Result<()> {
    stop_daemon(cell).await?;
    cell.killer().kill().await;
    let (disk, remap, caches) = (cell.disk.clone(), cell.core.config.remap, wish.caches.clone());
    io_task(move || strip(&disk, remap, &caches)).await
}

/// A daemon that did not end by itself may have left half of something.
async fn stop_daemon(cell: &ProcessCell) -> io::Result<()> {
    let Some(mut daemon) = cell.daemon.clone() else {
        return Err(io::Error::other("its daemon never started"));
    };
    cell.stopping.store(true, Ordering::Relaxed);
    let order = Order::Terminate {
        started_by: daemon.started_by,
    };
    let ordered = cell.wire.order("stop the daemon", order, Vec::new(), None).await;
    ordered.map_err(io::Error::other)?;
    let ended = daemon.exit.wait_for(Option::is_some);
    let ended = tokio::time::timeout(STOP_DEADLINE, async { ended.await.map(|exit| *exit) }).await;
    match ended {
        Err(_) => Err(io::Error::other(format!(
            "its daemon did not end within {STOP_DEADLINE:?}"
        ))),
        Ok(Err(_)) => {
            let (reason, _) = cell.killer().dead().await;
            Err(io::Error::other(format!(
                "the cell died before its daemon had ended: {reason}"
            )))
        }
        Ok(Ok(exit)) => match exit {
            Some(Exit::Code(0)) => Ok(()),
            exit => Err(io::Error::other(format!("its daemon ended with {exit:?}"))),
        },
    }
}

fn strip(disk: &Path, remap: Remap, caches: &[String]) -> io::Result<()> {
    let data = format!("{0}.{0}", remap.first);
    keep_only(disk, &["docker", CACHES])?;
    let caches: Vec<&str> = caches.iter().map(String::as_str).collect();
    keep_only(&disk.join(CACHES), &caches)?;
    keep_only(&disk.join("docker"), &[&data])?;
    keep_only(&disk.join("docker").join(data), &KEPT)
}

/// Removes everything else from a folder. Links are removed, not followed.
fn keep_only(folder: &Path, names: &[&str]) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if names.iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            remove_tree(&entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::strip;
    use crate::process::Remap;

    #[test]
    fn sec_60_only_images_layers_and_caches_are_kept_of_a_disk() {
        let disk = tempfile::tempdir().expect("a folder");
        let remap = Remap::default();
        let data = format!("docker/{0}.{0}", remap.first);
        let outside = tempfile::tempdir().expect("a folder");
        fs::write(outside.path().join("precious"), "x").expect("a file");
        for folder in [
            "image/overlay2",
            "overlay2/l",
            "buildkit",
            "volumes/evil",
            "plugins/evil",
            "swarm",
            "new-idea",
        ] {
            fs::create_dir_all(disk.path().join(&data).join(folder)).expect("a folder");
        }
        fs::write(disk.path().join(&data).join("config.json"), "{}").expect("a file");
        for folder in [
            "docker/0.0/image",
            "caches/a",
            "caches/unused",
            "folders/gate",
            "layers/view",
        ] {
            fs::create_dir_all(disk.path().join(folder)).expect("a folder");
        }
        std::os::unix::fs::symlink(outside.path(), disk.path().join("link")).expect("a link");
        strip(disk.path(), remap, &["a".to_owned()]).expect("stripped");
        let names = |folder: &str| {
            let entries = fs::read_dir(disk.path().join(folder)).expect("a folder");
            let mut names: Vec<_> = entries
                .map(|entry| entry.expect("an entry").file_name().into_string().expect("text"))
                .collect();
            names.sort_unstable();
            names
        };
        assert_eq!(names(""), ["caches", "docker"]);
        assert_eq!(names("docker"), [format!("{0}.{0}", remap.first)]);
        assert_eq!(names(&data), ["buildkit", "image", "overlay2"]);
        assert_eq!(names("caches"), ["a"]);
        assert!(outside.path().join("precious").exists(), "a link was followed");
    }
}
