//! The master key changes under a running server, and without it a backup opens nothing.

use std::path::Path;

use circle_api::resources::{MasterKeyView, SecretScope, SecretSet};
use circle_api::routes::DEFAULT_WORKSPACE;
use circle_api::worker::SecretValue;
use circle_core::names::VariableName;

use crate::support::{Circle, Played, Repo, until};

const PIPELINE: &str = "integration:\n  image: busybox\n  commands: [test]\n  secrets: [TOKEN_7]\nbuild: {}\n";
const MANY: usize = 60;

async fn set(circle: &Circle, number: usize, value: &str) {
    let wish = SecretSet {
        scope: SecretScope::Workspace,
        name: VariableName::new(format!("TOKEN_{number}")).expect("a name"),
        value: SecretValue::new(value),
        limits: None,
    };
    circle.api.set_secret(DEFAULT_WORKSPACE, &wish).await.expect("set");
}

async fn keys(circle: &Circle) -> Vec<MasterKeyView> {
    circle.api.master_keys().await.expect("the keys").keys
}

/// Waits until the newest key alone has values; gives the id of the oldest.
async fn renewed(circle: &Circle) -> String {
    let keys = until(
        "everything to be sealed anew",
        || keys(circle),
        |keys| keys.iter().all(|key| key.seals || key.values == 0),
    )
    .await;
    assert!(
        keys.last().is_some_and(|key| key.seals && key.values >= MANY as u64),
        "{keys:?}"
    );
    keys[0].id.clone()
}

async fn given(circle: &Circle, worker: &Played) -> String {
    let run = circle.trigger("shop").await;
    let mut job = worker.claim(run).await;
    // The next run of the branch waits for this one's end.
    job.fail("enough was seen").await;
    circle.ended(run).await;
    job.secret("TOKEN_7").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_24_the_master_key_rotates_while_values_are_read_and_written() {
    let (circle, repo) = (Circle::start().await, Repo::with(PIPELINE).await);
    circle.service("shop", repo.url()).await;
    for number in 0..MANY {
        set(&circle, number, "of-the-old-key").await;
    }
    let worker = Played::enrol(&circle, "w", 8).await;
    let writing = async {
        for number in (0..MANY).rev() {
            set(&circle, number, &format!("written-meanwhile-{number}")).await;
        }
    };
    let rotating = async { circle.api.rotate_master_key().await.expect("rotated") };
    let (rotated, ()) = tokio::join!(rotating, writing);
    assert_eq!(rotated.keys.len(), 2);
    let old = renewed(&circle).await;
    assert_eq!(given(&circle, &worker).await, "written-meanwhile-7");
    let sealing = keys(&circle).await.last().expect("a key").id.clone();
    let refused = circle.api.remove_master_key(&sealing).await.expect_err("it seals");
    assert_eq!(refused.status(), Some(409), "{refused}");
    circle.api.remove_master_key(&old).await.expect("removed");
    let gone = circle.api.remove_master_key(&old).await.expect_err("it is gone");
    assert_eq!(gone.status(), Some(404), "{gone}");
    let circle = circle.restart().await;
    assert_eq!(keys(&circle).await.len(), 1);
    assert_eq!(given(&circle, &worker.at(&circle)).await, "written-meanwhile-7");
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_24_sealing_anew_goes_on_after_a_restart() {
    let circle = Circle::start().await;
    for number in 0..MANY {
        set(&circle, number, "of-the-old-key").await;
    }
    // Cut off as soon as the new key seals.
    circle.api.rotate_master_key().await.expect("rotated");
    let circle = circle.restart().await;
    let old = renewed(&circle).await;
    circle.api.remove_master_key(&old).await.expect("nothing needs it");
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_24_a_backup_without_the_key_is_useless_and_says_which_key_is_missing() {
    let mut circle = Circle::start().await;
    set(&circle, 7, "worth-to-be-stolen").await;
    let id = keys(&circle).await[0].id.clone();
    circle.stop().await;
    let data = circle.folder.path().join("server");
    let key = std::fs::read(data.join("master-key")).expect("the key");
    // What a thief of everything but the key has.
    std::fs::remove_file(data.join("master-key")).expect("removed");
    let missing = circle.refuses_to_start().await;
    assert!(
        missing.contains("master-key") && missing.contains("restore"),
        "{missing}"
    );
    assert!(
        !data.join("master-key").exists(),
        "no new key takes the place of the lost one"
    );
    // Another key is not this store's.
    let other = Circle::start().await;
    std::fs::copy(other.folder.path().join("server/master-key"), data.join("master-key")).expect("copied");
    let wrong = circle.refuses_to_start().await;
    assert!(wrong.contains(&id), "{wrong}");
    std::fs::write(data.join("master-key"), key).expect("restored");
    let circle = circle.restart().await;
    assert_eq!(keys(&circle).await[0].values, 1);
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from)
        .expect("a folder")
        .map(|entry| entry.expect("an entry"))
    {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy_folder(&path, &target);
        } else {
            std::fs::copy(&path, &target).expect("copied");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_a_stopped_server_is_a_whole_backup() {
    let (mut circle, repo) = (Circle::start().await, Repo::with(PIPELINE).await);
    circle.service("shop", repo.url()).await;
    set(&circle, 7, "worth-to-be-kept").await;
    let worker = Played::enrol(&circle, "w", 8).await;
    let run = circle.trigger("shop").await;
    let mut job = worker.claim(run).await;
    job.log(job.chunk("checkout", (0, 0), b"what was printed\n")).await;
    job.succeed().await;
    let before = circle.ended(run).await;
    circle.stop().await;
    let (old, new) = (
        circle.folder.path().join("server"),
        tempfile::tempdir().expect("a folder"),
    );
    for part in ["records", "logs", "blobs"] {
        copy_folder(&old.join(part), &new.path().join("server").join(part));
    }
    std::fs::copy(old.join("master-key"), new.path().join("server/master-key")).expect("the key");
    // The first administrator's token is a file beside the store, which has its hash.
    std::fs::copy(old.join("admin-token"), new.path().join("server/admin-token")).expect("the token");
    let restored = Circle::start_on(new).await;
    let after = restored.run(run).await;
    assert_eq!((after.run.number, &after.verdict), (before.run.number, &before.verdict));
    let log = restored.get(&format!("/api/v1/runs/{run}/log/checkout")).await;
    assert_eq!(log.text().await.expect("a log"), "what was printed\n");
    assert_eq!(given(&restored, &worker.at(&restored)).await, "worth-to-be-kept");
}
