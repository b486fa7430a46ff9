//! Where a secret must not stand while a real job has it, and what a job is not given.

mod support;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use circle_api::worker::{RegistryAccess, SecretValue};
use circle_cell::Cell;
use circle_core::plan::Work;
use circle_worker::{End, execute};
use support::{Bench, MemorySink, assignment, build, checkout, integration, job, post_build, stage};

const VALUE: &str = "swordfish-of-the-story";
const PASSWORD: &str = "password-of-the-registry";
/// A command that holds its stage until the story has looked.
const HOLD: &str = "while [ ! -e /workspace/go ]; do sleep 0.05; done";
const PATIENCE: Duration = Duration::from_secs(60);

/// What the client prints, bytes and all.
async fn docker(cell: &Cell, words: &[&str]) -> Vec<u8> {
    let output = tokio::process::Command::new("/usr/bin/docker")
        .arg("--host")
        .arg(format!("unix://{}", cell.socket().display()))
        .args(words)
        .output()
        .await
        .expect("the docker client");
    [output.stdout, output.stderr].concat()
}

async fn words(cell: &Cell, arguments: &[&str]) -> Vec<String> {
    let text = String::from_utf8_lossy(&docker(cell, arguments).await).into_owned();
    text.split_whitespace().map(str::to_owned).collect()
}

/// The container of a stage, once its commands run.
async fn holding(cell: &Cell, stage: &str) -> String {
    let filter = format!("label=circle.stage={stage}");
    let look = async {
        loop {
            if let Some(id) = words(cell, &["ps", "-q", "--filter", &filter]).await.first() {
                let seen = docker(cell, &["exec", id, "ls", "/workspace/ready"]).await;
                if seen.starts_with(b"/workspace/ready") {
                    return id.clone();
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let found = tokio::time::timeout(PATIENCE, look).await;
    found.unwrap_or_else(|_| panic!("the job of {stage} does not come as far as holding"))
}

fn holds(text: &[u8], value: &str) -> bool {
    text.windows(value.len()).any(|window| window == value.as_bytes())
}

/// The arguments of every process of the machine, which are open to everybody on it.
fn argument_vectors() -> Vec<u8> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir("/proc").expect("processes").flatten() {
        // A process may end while it is looked at.
        all.extend(std::fs::read(entry.path().join("cmdline")).unwrap_or_default());
        all.push(b'\n');
    }
    all
}

/// Looks everywhere that is open while a job holds the secret and an image was built with it.
async fn look(cell: &Cell) {
    let id = holding(cell, "post_build").await;
    let inspected = docker(cell, &["inspect", &id]).await;
    assert!(
        holds(&inspected, &id[..12]) && !holds(&inspected, VALUE),
        "inspect tells the secret"
    );
    let top = docker(cell, &["top", &id]).await;
    assert!(
        holds(&top, "sleep") || holds(&top, "sh"),
        "{}",
        String::from_utf8_lossy(&top)
    );
    assert!(
        !holds(&top, VALUE) && !holds(&argument_vectors(), VALUE),
        "a process list tells the secret"
    );
    let images = words(cell, &["images", "-q", "--no-trunc"]).await;
    assert!(images.len() > 1, "nothing was built: {images:?}");
    for image in &images {
        for told in [
            docker(cell, &["history", "--no-trunc", image]).await,
            docker(cell, &["inspect", image]).await,
            docker(cell, &["save", image]).await,
        ] {
            assert!(
                !told.is_empty() && !holds(&told, VALUE),
                "image {image} tells the secret"
            );
        }
    }
    docker(cell, &["exec", &id, "touch", "/workspace/go"]).await;
}

#[tokio::test]
async fn sec_23_a_secret_stands_in_no_inspect_history_layer_or_process_list() {
    let bench = Bench::new().await;
    let dockerfile = "FROM busybox:test\nRUN --mount=type=secret,id=TOKEN test \"$(wc -c </run/secrets/TOKEN)\" = 22\n";
    bench.commit(&[("Dockerfile", dockerfile)]).await;
    let mut image = build();
    image.secrets = vec!["TOKEN".into()];
    let mut wanted = job(&["test \"${#TOKEN}\" = 22", "touch /workspace/ready", HOLD]);
    wanted.secrets = vec!["TOKEN".into()];
    let stages = vec![
        checkout(),
        stage("build", Work::Build { images: vec![image] }),
        post_build(wanted),
    ];
    let mut run = assignment(bench.repository.url(), stages);
    for step in ["build/default", "post_build"] {
        run.secrets.give(step, "TOKEN", SecretValue::new(VALUE));
    }
    let cell = Arc::new(bench.cell().await);
    let sink = Arc::new(MemorySink::new(bench.folder.path().join("outputs")));
    let both = async { tokio::join!(execute(&run, &cell, Duration::ZERO, sink.clone()), look(&cell)).0 };
    let end = tokio::time::timeout(PATIENCE * 2, both).await;
    let end = end.unwrap_or_else(|_| panic!("the run does not end:\n{}", sink.all()));
    assert_eq!(end, End::Succeeded, "{}", sink.all());
    Arc::into_inner(cell)
        .expect("nobody else has it")
        .kill()
        .await
        .expect("the cell is removed");
    assert!(
        !holds_below(bench.folder.path(), VALUE),
        "a file of the worker holds the secret"
    );
}

/// Whether a file beneath a folder holds the value; the disk of cells is given back by now.
fn holds_below(folder: &Path, value: &str) -> bool {
    std::fs::read_dir(folder).into_iter().flatten().flatten().any(|entry| {
        let kind = entry.file_type().expect("a kind");
        let small = entry.metadata().is_ok_and(|meta| meta.len() < 64 << 20);
        (kind.is_dir() && holds_below(&entry.path(), value))
            || (kind.is_file() && small && std::fs::read(entry.path()).is_ok_and(|text| holds(&text, value)))
    })
}

#[tokio::test]
async fn sec_70_credentials_of_registries_and_targets_are_in_no_place_where_a_job_looks() {
    let bench = Bench::new().await;
    bench.commit(&[("a", "b")]).await;
    // Written so that the commands themselves do not hold what they look for.
    let pattern = "password-of-the-registr[y]\\|swordfish-of-the-stor[y]";
    let looks = [
        "env > /tmp/seen; cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline >> /tmp/seen 2>/dev/null || true".to_owned(),
        "find / -xdev -type f -size -64k ! -path /tmp/seen -exec cat {} + >> /tmp/seen 2>/dev/null || true".to_owned(),
        format!("grep -c '{pattern}' /tmp/seen && exit 9 || true"),
        "grep -q CIRCLE_RUN_ID /tmp/seen".to_owned(),
    ];
    let looks: Vec<&str> = looks.iter().map(String::as_str).collect();
    let mut run = assignment(
        bench.repository.url(),
        vec![checkout(), integration(vec![], job(&looks))],
    );
    // The run has a secret that this job does not ask for, and a registry that the worker may push to.
    run.secrets.give("post_build", "TOKEN", SecretValue::new(VALUE));
    run.registries = vec![RegistryAccess {
        name: "main".into(),
        address: "registry.example.org".into(),
        username: Some("pusher".into()),
        password: Some(SecretValue::new(PASSWORD)),
    }];
    bench.run_assignment(run).await.succeeded();
    // What a worker is told has no place for the credentials of targets: they stay with the server that deploys.
    let told = serde_json::to_string(&assignment("https://git.example.org/shop", vec![checkout()])).expect("JSON");
    assert!(
        told.contains("registries") && !told.contains("tls_bundle") && !told.contains("target\""),
        "{told}"
    );
}
