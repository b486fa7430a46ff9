//! Deaths, ordered and not.

use std::fs;
use std::path::Path;

use crate::{Cell, CellError, InCell};

use super::Ground;
use super::container::Container;
use super::fixture::until;

/// Writes for as long as it lives, in a session of its own and deaf to polite signals.
const RESTLESS: &str = "setsid sh -c 'trap \"\" TERM HUP INT; i=0; while :; do i=$((i+1)); echo $i > /beat/file; usleep 20000; done' & sleep 600";

pub(super) async fn kill_ends_everything(ground: &Ground) {
    let cell = ground.start().await;
    let beat = restless(&cell).await;
    let (killer, twice) = (cell.killer(), cell.killer());
    let (first, second) = tokio::join!(killer.kill(), twice.kill());
    let last = fs::read_to_string(&beat).unwrap_or_default();
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    let now = fs::read_to_string(&beat).unwrap_or_default();
    assert!(
        now.is_empty() || now == last,
        "killed in {first:?} and {second:?}, and it still writes"
    );
    assert!(cell.health().await.is_err(), "a dead cell is healthy");
    let refused = cell.exec(InCell::new(None, ["/bin/true"])).await;
    assert!(matches!(refused, Err(CellError::Dead { .. })), "{refused:?}");
    cell.died().await;
    cell.kill().await.expect("everything is removed");
    killer.kill().await;
    ground.nothing_is_left().await;
}

pub(super) async fn dropped_cells_die(ground: &Ground) {
    let cell = ground.start().await;
    restless(&cell).await;
    let killer = cell.killer();
    drop(cell);
    killer.kill().await;
    ground.nothing_is_left().await;
}

pub(super) async fn unordered_death_is_told(ground: &Ground) {
    let cell = ground.start().await;
    cell.new_folder("kept").await.expect("a folder");
    ground.fixture.kill_daemon(&cell).await;
    let death = tokio::time::timeout(std::time::Duration::from_secs(20), cell.died()).await;
    let death = death.expect("the death is noticed");
    let reason = death.reason.to_lowercase();
    assert!(
        reason.contains("daemon") || reason.contains("engine"),
        "the reason does not say what died: {reason}"
    );
    assert!(cell.health().await.is_err(), "a dead cell is healthy");
    // What can be removed without the daemon is removed; what cannot is named.
    if let Err(error) = cell.kill().await {
        assert!(matches!(error, CellError::Left { .. }), "{error}");
    }
}

/// Starts a container that writes until it is killed; the file that it writes.
async fn restless(cell: &Cell) -> std::path::PathBuf {
    let beat = cell.new_folder("beat").await.expect("a folder");
    let file = beat.host().join("file");
    Container::script(cell, RESTLESS)
        .with_folder(&beat, "/beat")
        .start()
        .await;
    until("the job writes", async || (is_written(&file), ())).await;
    file
}

fn is_written(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|meta| meta.len() > 0)
}
