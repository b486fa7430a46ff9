//! Golden roots as an operator sees them: listed, removed, made anew.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use circle_test::{Circle, Options, Private, StoryService, files_with, until};
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(60);
/// The root of the service's main branch.
const OWN: &str = "shop refs/heads/main";

async fn json(circle: &Circle, words: &[&str]) -> Result<Value> {
    let output = circle.command(&[words, &["--json"]].concat()).await?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{words:?}: {said}");
    serde_json::from_slice(&output.stdout).context("one JSON document")
}

/// The root with this label, once there is one of this generation.
async fn root(circle: &Circle, label: &str, generation: u64) -> Result<Value> {
    until(label, LIMIT, || async {
        let roots = json(circle, &["cells"]).await.map_err(|error| format!("{error:#}"))?;
        let found = roots
            .as_array()
            .into_iter()
            .flatten()
            .find(|root| root["label"] == label);
        let found = found.filter(|root| root["generation"].as_u64() >= Some(generation));
        found.cloned().ok_or_else(|| roots.to_string())
    })
    .await
}

/// Pushes, and tells the name of the root that the run began from.
async fn push(shop: &StoryService) -> Result<String> {
    let view = shop.push("main").await?.succeeds().await?;
    Ok(view.root.context("it says where it began")?.name)
}

#[tokio::test]
async fn roots_are_listed_removed_and_made_anew() -> Result<()> {
    let mut circle = Circle::start(Options::default()).await?;
    let shop = circle.service("shop").await?;
    shop.write("caicloud.yml", "version: 1\nbuild: {}\n")?;
    shop.write("Dockerfile", "FROM circle/busybox:1\nRUN echo built > /made\n")?;
    root(&circle, "the operator's images", 1).await?;
    // A cell that stood ready before there was a base is still good for a run, and makes no root.
    let first = push(&shop).await?;
    ensure!(
        first == "base" || (first == "empty" && push(&shop).await? == "base"),
        "the runs began from {first}"
    );
    let made = root(&circle, OWN, 1).await?;
    ensure!(made["total_bytes"].as_u64() >= made["own_bytes"].as_u64(), "{made}");
    ensure!(made["hits"] == 0 && made["misses"].as_u64() >= Some(1), "{made}");
    ensure!(
        push(&shop).await? == "refs/heads/main",
        "the second run did not begin from the root"
    );
    let used = root(&circle, OWN, 2).await?;
    ensure!(used["hits"] == 1 && used["misses"] == made["misses"], "{used}");
    let output = circle.command(&["cells"]).await?;
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    for word in ["base", OWN, " %"] {
        ensure!(table.contains(word), "no \"{word}\" in\n{table}");
    }

    let kept = json(&circle, &["cells", "prune", "--service", "shop", "--unused-hours", "1"]).await?;
    ensure!(kept == Value::Array(Vec::new()), "a root in use was removed: {kept}");
    let gone = json(&circle, &["cells", "prune", "--service", "shop"]).await?;
    ensure!(gone.as_array().map(Vec::len) == Some(1), "{gone}");
    ensure!(push(&shop).await? == "base", "a removed root was begun from");
    root(&circle, OWN, 3).await?;

    let output = circle.command(&["cells", "rebuild", "shop"]).await?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(
        said.contains("1 root is removed") && said.contains("makes it anew"),
        "{said}"
    );

    root(&circle, OWN, 4).await?;

    let unknown = circle.command(&["cells", "prune", "--service", "nothing"]).await?;
    ensure!(unknown.status.code() == Some(3), "{unknown:?}");
    let worker = json(&circle, &["worker", "list"]).await?[0]["name"]
        .as_str()
        .context("a name")?
        .to_owned();
    circle.stop_worker().await?;
    until("the worker's leaving is known", LIMIT, || async {
        let output = circle
            .command(&["cells", "--worker", &worker])
            .await
            .map_err(|error| error.to_string())?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.code() == Some(6) && said.contains("is not connected") {
            Ok(())
        } else {
            Err(said)
        }
    })
    .await?;
    circle.stop().await
}

#[tokio::test]
async fn the_cell_of_a_services_root_is_started_while_its_push_is_being_understood() -> Result<()> {
    let mut circle = Circle::start(Options::default()).await?;
    let shop = circle.service("shop").await?;
    shop.write("caicloud.yml", "version: 1\nbuild: {}\n")?;
    shop.write("Dockerfile", "FROM circle/busybox:1\nRUN echo built > /made\n")?;
    root(&circle, "the operator's images", 1).await?;
    if push(&shop).await? == "empty" {
        push(&shop).await?;
    }
    root(&circle, OWN, 1).await?;
    // Nobody took a cell of this root yet, so none stands ready by habit. The push comes while the repository does not answer:
    // the delivery is stored, the worker is told, and the planning waits.
    circle.git_mut().stop().await?;
    let commit = shop.repository().commit("Change it").await?;
    shop.repository().push("refs/heads/main").await?;
    let cells = circle.worker_folder().join("cells/cells");
    until("a cell beside that of the base answers", LIMIT, || async {
        let found = std::fs::read_dir(&cells).map_err(|error| error.to_string())?;
        let sockets = found.flatten().map(|cell| cell.path().join("run/docker.sock"));
        // One of the base stands ready, since there may be two.
        match sockets.filter(|socket| answers(socket)).count() {
            0 | 1 => Err("none answers yet".to_owned()),
            _ => Ok(()),
        }
    })
    .await?;
    circle.git_mut().start_again().await?;
    let view = until("the run of the push", LIMIT, || async {
        let runs = shop.runs().await.map_err(|error| format!("{error:#}"))?;
        let found = runs
            .iter()
            .find(|run| run.commit.as_ref().is_some_and(|found| *found == *commit));
        found.cloned().ok_or_else(|| format!("{} runs", runs.len()))
    })
    .await?;
    let began = until("it says where it began", LIMIT, || async {
        let shown = json(&circle, &["show", &view.id.to_string()])
            .await
            .map_err(|error| format!("{error:#}"))?;
        let began = [&shown["root"], &shown["run"]["root"]]
            .into_iter()
            .find(|root| !root.is_null());
        began.cloned().ok_or_else(|| shown.to_string())
    })
    .await?;
    ensure!(began["name"] == "refs/heads/main" && began["warm"] == true, "{began}");
    circle.stop().await
}

/// Every kind of secret at once: of a job as a variable and as a file, of a sidecar, of a build, of the registry, of the
/// repository. The job even writes its own where it can.
const SECRETIVE: &str = "version: 1
integration:
  services:
    db:
      image: circle/busybox:1
      secrets: [{name: DB_PASSWORD, file: /run/secrets/db}]
      command: [\"sh\", \"-c\", \"cat /run/secrets/db > /tmp/kept; exec sleep 1000\"]
  image: circle/busybox:1
  secrets: [API_TOKEN, {name: FILE_TOKEN, file: /run/secrets/file}]
  commands:
    - echo $API_TOKEN > /tmp/kept; echo $API_TOKEN > /workspace/kept
    - cat /run/secrets/file | tee /tmp/kept-too | wc -c
build:
  secrets: [NPM_TOKEN]
";

#[tokio::test]
async fn sec_23_no_secret_is_in_a_root_that_a_run_left_behind() -> Result<()> {
    let circle = Circle::start(Options {
        registry_password: true,
        private: true,
        ..Options::default()
    })
    .await?;
    let shop = circle.service_at("shop", &circle.private()?.web.url("shop")).await?;
    let (username, password) = Private::login();
    std::fs::write(circle.folder().join("password"), password)?;
    let words = ["service", "credential", "set", "shop", "--username", username];
    let set = circle
        .command(&[&words[..], &["--password-file", "password"]].concat())
        .await?;
    ensure!(set.status.success(), "{set:?}");
    let secrets = [
        ("API_TOKEN", "first-words-of-a-variable"),
        ("FILE_TOKEN", "second-words-of-a-file"),
        ("DB_PASSWORD", "third-words-of-a-sidecar"),
        ("NPM_TOKEN", "fourth-words-of-a-build"),
    ];
    for (name, value) in secrets {
        circle.set_secret(name, value).await?;
    }
    shop.write("caicloud.yml", SECRETIVE)?;
    let looks = "RUN --mount=type=secret,id=NPM_TOKEN test $(wc -c < /run/secrets/NPM_TOKEN) = 23 && echo a layer of this build > /made\n";
    shop.write("Dockerfile", format!("FROM circle/busybox:1\n{looks}"))?;
    root(&circle, "the operator's images", 1).await?;
    push(&shop).await?;
    if push(&shop).await? == "base" {
        push(&shop).await?;
    }
    root(&circle, OWN, 1).await?;

    let kept = circle.worker_folder().join("cells/pool/kept");
    let control = files_with(&kept, "a layer of this build")?;
    ensure!(!control.is_empty(), "the look sees nothing of {}", kept.display());
    let (_, registry) = Circle::registry_login();
    let values = secrets.map(|(_, value)| value).into_iter().chain([password, registry]);
    let values: Vec<&str> = values.collect();
    for value in &values {
        let found = files_with(&kept, value)?;
        ensure!(found.is_empty(), "\"{value}\" is in {found:?}");
    }
    // The cell of the last run, where its job wrote them, goes a moment after the run.
    until("nothing of them lies with the worker", LIMIT, || async {
        let look = |value: &&str| files_with(&circle.worker_folder(), value);
        let found: Vec<_> = values
            .iter()
            .map(look)
            .collect::<Result<_>>()
            .map_err(|error| format!("{error:#}"))?;
        if found.concat().is_empty() {
            Ok(())
        } else {
            Err(format!("{found:?}"))
        }
    })
    .await?;
    circle.stop().await
}

/// Whether the daemon behind a socket is ready: it listens long before.
fn answers(socket: &Path) -> bool {
    let ask = || {
        let mut stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"GET /_ping HTTP/1.0\r\nHost: cell\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        std::io::Result::Ok(answer)
    };
    ask().is_ok_and(|answer| answer.contains(" 200 "))
}
