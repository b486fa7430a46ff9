//! Looking into a cell while a run goes on in it.

use std::sync::Arc;
use std::time::Duration;

use circle_cell::Cell;
use circle_core::plan::Stage;
use circle_worker::{Around, End, execute};

use super::{Bench, MemorySink, assignment, checkout};

pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A command that holds its stage until somebody makes `/workspace/go`.
pub(crate) const HOLD: &str = "while [ ! -e /workspace/go ]; do sleep 0.05; done";

pub(crate) async fn docker(cell: &Cell, words: &[&str]) -> String {
    let output = tokio::process::Command::new("/usr/bin/docker")
        .arg("--host")
        .arg(format!("unix://{}", cell.socket().display()))
        .args(words)
        .output()
        .await
        .expect("the docker client");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// The id of the running container of a stage, once there is one.
pub(crate) async fn running(cell: &Cell, stage: &str) -> String {
    let filter = format!("label=circle.stage={stage}");
    let look = async {
        loop {
            let ids = docker(cell, &["ps", "-q", "--filter", &filter]).await;
            if let Some(id) = ids.lines().next() {
                return id.to_owned();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, look)
        .await
        .unwrap_or_else(|_| panic!("no container of {stage} runs"))
}

/// Runs stages in a cell while `story` looks at it.
pub(crate) async fn beside<F: Future<Output = ()>>(
    bench: &Bench,
    stages: Vec<Stage>,
    story: impl FnOnce(Arc<Cell>) -> F,
) -> (End, Arc<MemorySink>) {
    let sink = Arc::new(MemorySink::new(bench.folder.path().join("outputs")));
    let cell = bench.cell().await;
    let end = beside_in(bench, (cell, Around::new(sink.clone())), stages, story).await;
    (
        end.unwrap_or_else(|| panic!("the run does not end:\n{}", sink.all())),
        sink,
    )
}

/// The same in a cell that is there already; `None`: the run does not end.
pub(crate) async fn beside_in<F: Future<Output = ()>>(
    bench: &Bench,
    (cell, around): (Cell, Around),
    stages: Vec<Stage>,
    story: impl FnOnce(Arc<Cell>) -> F,
) -> Option<End> {
    let cell = Arc::new(cell);
    let mut all = vec![checkout()];
    all.extend(stages);
    let assignment = assignment(bench.repository.url(), all);
    let run = execute(&assignment, &cell, Duration::ZERO, around);
    let both = async { tokio::join!(run, story(cell.clone())).0 };
    let end = tokio::time::timeout(PATIENCE * 2, both).await.ok();
    Arc::into_inner(cell)
        .expect("nobody else has the cell")
        .kill()
        .await
        .expect("the cell is removed");
    end
}
