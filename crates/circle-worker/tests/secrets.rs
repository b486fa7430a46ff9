//! Where a secret must not stand while a real job has it, and what a job is not given.

mod support;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use circle_api::worker::{RegistryAccess, SecretValue};
use circle_cell::Cell;
use circle_core::plan::{Ready, Work};
use circle_worker::{Around, End, execute};
use support::{Bench, MemorySink, assignment, build, checkout, integration, job, post_build, sidecar, stage};

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
            for id in words(cell, &["ps", "-q", "--filter", &filter]).await {
                let seen = docker(cell, &["exec", &id, "ls", "/workspace/ready"]).await;
                if seen.starts_with(b"/workspace/ready") {
                    return id;
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
    let both = async {
        tokio::join!(
            execute(&run, &cell, Duration::ZERO, Around::new(sink.clone())),
            look(&cell)
        )
        .0
    };
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

/// Names of the processes of the machine whose environment holds the value.
fn who_has(value: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir("/proc").expect("processes").flatten() {
        // A process may end while it is looked at.
        if holds(&std::fs::read(entry.path().join("environ")).unwrap_or_default(), value) {
            let name = std::fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
            names.insert(name.trim().to_owned());
        }
    }
    names.remove("");
    names
}

/// Looks at a sidecar that has one secret as environment and another as a file, and at a job that has the file alone.
async fn look_at_both(cell: &Cell, disk: &Path) {
    let job = holding(cell, "integration").await;
    let all = words(cell, &["ps", "-q", "--filter", "label=circle.stage=integration"]).await;
    assert_eq!(all.len(), 2, "{all:?}");
    for id in &all {
        let inspected = docker(cell, &["inspect", id]).await;
        assert!(holds(&inspected, "/.circle/bin/gate") && holds(&inspected, "/run/secrets"));
        let kept = words(cell, &["commit", "--pause=false", id]).await;
        for told in [
            inspected,
            docker(cell, &["top", id]).await,
            docker(cell, &["diff", id]).await,
            docker(cell, &["export", id]).await,
            docker(cell, &["history", "--no-trunc", &kept[0]]).await,
            docker(cell, &["save", &kept[0]]).await,
        ] {
            assert!(!told.is_empty(), "nothing was told");
            for value in [VALUE, PASSWORD] {
                assert!(
                    !holds(&told, value),
                    "{id} tells a secret: {}",
                    String::from_utf8_lossy(&told)
                );
            }
        }
    }
    let arguments = argument_vectors();
    assert!(
        !holds(&arguments, VALUE) && !holds(&arguments, PASSWORD),
        "a process list tells a secret"
    );
    // The sidecar's own processes have it in their environment, and nobody else; what is a file is in nobody's.
    let own: BTreeSet<String> = ["sh", "sleep"].map(str::to_owned).into();
    let having = who_has(VALUE);
    assert!(!having.is_empty() && having.is_subset(&own), "{having:?}");
    assert_eq!(who_has(PASSWORD), BTreeSet::new());
    for value in [VALUE, PASSWORD] {
        assert!(
            !holds_below(disk, value),
            "a file beneath the worker, the cell's disk with it, holds a secret"
        );
    }
    docker(cell, &["exec", &job, "touch", "/workspace/go"]).await;
}

#[tokio::test]
async fn sec_23_secrets_of_sidecars_and_secrets_as_files_stand_nowhere_but_with_their_users() {
    let bench = Bench::new().await;
    bench.commit(&[("a", "b")]).await;
    let says =
        "echo has ${#TOKEN} and $(stat -c '%a of %u' /run/secrets/password), first $$; while :; do sleep 1; done";
    let ready = Ready::Exec(["sh", "-c", "test ${#TOKEN} = 22"].map(str::to_owned).to_vec());
    let mut db = sidecar("db", says, ready);
    db.secrets = vec!["TOKEN".into(), "PASSWORD".into()];
    db.secret_files = [("PASSWORD".to_owned(), "/run/secrets/password".to_owned())].into();
    let mut wanted = job(&[
        "test -z \"$PASSWORD$TOKEN\"",
        "test \"$(stat -c '%a of %u' /run/secrets/mine)\" = '400 of 1234'",
        "test \"$(wc -c </run/secrets/mine)\" = 24; cat /run/secrets/mine",
        "grep -q '^tmpfs /run/secrets tmpfs .*noexec' /proc/mounts",
        "! (echo x >>/run/secrets/mine) 2>/dev/null",
        "touch /workspace/ready",
        HOLD,
    ]);
    wanted.container.user = Some("1234".into());
    wanted.secrets = vec!["PASSWORD".into()];
    wanted.secret_files = [("PASSWORD".to_owned(), "/run/secrets/mine".to_owned())].into();
    let mut run = assignment(bench.repository.url(), vec![checkout(), integration(vec![db], wanted)]);
    for step in ["integration", "integration/db"] {
        run.secrets.give(step, "PASSWORD", SecretValue::new(PASSWORD));
    }
    run.secrets.give("integration/db", "TOKEN", SecretValue::new(VALUE));
    let cell = Arc::new(bench.cell().await);
    let sink = Arc::new(MemorySink::new(bench.folder.path().join("outputs")));
    let looking = look_at_both(&cell, bench.folder.path());
    let both = async { tokio::join!(execute(&run, &cell, Duration::ZERO, Around::new(sink.clone())), looking).0 };
    let end = tokio::time::timeout(PATIENCE * 2, both).await;
    let end = end.unwrap_or_else(|_| panic!("the run does not end:\n{}", sink.all()));
    assert_eq!(end, End::Succeeded, "{}", sink.all());
    let log = sink.log("integration");
    assert!(log.contains("db | has 22 and 400 of 0, first 1"), "{log}");
    assert!(log.contains("***") && !log.contains(PASSWORD), "{log}");
}

#[tokio::test]
async fn a_sidecar_that_is_not_given_its_secret_fails_the_stage_and_names_the_step() {
    let bench = Bench::new().await;
    bench.commit(&[("a", "b")]).await;
    let mut db = sidecar("db", "sleep 60", Ready::Log("x".into()));
    db.secrets = vec!["TOKEN".into()];
    let mut run = assignment(
        bench.repository.url(),
        vec![checkout(), integration(vec![db], job(&["true"]))],
    );
    // The job beside it has one of that name; it is not the sidecar's.
    run.secrets.give("integration", "TOKEN", SecretValue::new(VALUE));
    let ran = bench.run_assignment(run).await;
    let message = &ran.failure().message;
    assert!(message.contains("TOKEN is not given to integration/db"), "{message}");
}

#[tokio::test]
async fn sec_22_a_value_that_a_job_names_is_masked_from_then_on_in_every_stage() {
    let bench = Bench::new().await;
    bench.commit(&[("a", "b")]).await;
    // The commands themselves do not hold the value.
    let make = "value=$(printf 'made-%s-here' at-run-time)";
    let make_and_name =
        format!("{make}; printf '::add-ma'; sleep 0.2; printf 'sk::%s\\n' \"$value\"; echo \"has $value\"");
    let first = [
        make_and_name.as_str(),
        "echo \"has made-at-$(printf run)-time-here\" >&2; echo made-at-run-time-here | base64",
        "echo ::add-mask::short; printf 'cut %s' made-at-run; sleep 0.2; echo -time-here",
    ];
    let second = format!("{make}; echo \"again $value\"; echo $value >no-such/folder");
    let stages = vec![
        checkout(),
        integration(vec![], job(&first)),
        post_build(job(&[&second])),
    ];
    let ran = bench.run_assignment(assignment(bench.repository.url(), stages)).await;
    let failure = ran.failure();
    let log = ran.sink.log("integration");
    for said in ["has ***\n", "cut ***\n", "fewer than 8 characters"] {
        assert!(log.contains(said), "{said} in {log}");
    }
    assert_eq!(log.matches("has ***").count(), 2, "{log}");
    let all = format!("{}{failure:?}", ran.sink.all());
    for shown in [
        "made-at-run-time-here",
        "bWFkZS1hdC1ydW4tdGltZS1oZXJl",
        "::add-mask::m",
        "::add-mask::short\n",
    ] {
        assert!(!all.contains(shown), "{shown} in {all}");
    }
    assert!(ran.sink.log("post_build").contains("again ***"), "{all}");
}
