//! What holds where every cell has a daemon of its own.

use crate::engine::Engine;
use crate::{CellSpec, Limits};

use super::Ground;
use super::container::{Container, known};

const LISTS: [&str; 4] = ["/containers/json?all=1", "/volumes", "/networks", "/images/json"];

pub(super) async fn sees_nothing_of_others(ground: &Ground) {
    let first = ground.start().await;
    Container::script(&first, "sleep 600").start().await;
    let engine = Engine::at(first.socket());
    for (path, body) in [
        ("/volumes/create", serde_json::json!({ "Name": "mark" })),
        ("/networks/create", serde_json::json!({ "Name": "mark" })),
    ] {
        engine.ask("POST", path, Some(&body)).await.expect("it is made");
    }
    let tag = "/images/busybox:test/tag?repo=mark&tag=mark";
    engine.ask("POST", tag, None).await.expect("it is tagged");
    let beside = ground.start().await;
    first.kill().await.expect("everything is removed");
    let after = ground.start().await;
    for cell in [beside, after] {
        for list in LISTS {
            let listed = known(&cell, list).await;
            assert!(!listed.contains("mark"), "{list} of another cell: {listed}");
        }
        assert_eq!(known(&cell, LISTS[0]).await, "[]", "containers of another cell");
        cell.kill().await.expect("everything is removed");
    }
}

pub(super) async fn memory_is_bounded(ground: &Ground) {
    let limits = Limits {
        memory_bytes: Some(128 << 20),
        ..Limits::default()
    };
    let spec = CellSpec {
        limits,
        ..CellSpec::default()
    };
    let cell = ground.start_with(spec).await;
    let glutton = Container::script(&cell, "head -c 400m /dev/zero | tail -c 390m > /dev/null");
    assert_ne!(glutton.run().await, 0, "400 MB fitted into 128");
    cell.health().await.expect("the daemon lives on");
    let hit = cell.bounds_hit();
    assert!(hit.memory > 0 && hit.pids == 0, "the bound is named: {hit:?}");
    assert_eq!(Container::script(&cell, "true").run().await, 0, "the next job runs");
    cell.kill().await.expect("everything is removed");
}
