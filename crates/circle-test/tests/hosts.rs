//! An engine elsewhere, behind mutual TLS: the server starts a worker there for each run, and leaves nothing.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use circle_api::resources::EnrolmentCreate;
use circle_core::nested::NestedRights;
use circle_test::{Circle, Lent, Options, StoryRun, StoryService, program, until};
use serde_json::{Value, json};

/// No other story's link has this number.
const LINK: u8 = 61;
/// How long the link is lost: shorter than the lease, longer than a heartbeat.
const LOST: Duration = Duration::from_secs(4);
/// A lease that runs out while a story waits, and that a busy machine still renews.
const SHORT_LEASE_MS: u32 = 5_000;
/// A worker there has to start its engine, and this machine does other things meanwhile.
const PATIENCE: Duration = Duration::from_secs(90);

/// A Circle without a worker of its own, and an engine that is lent to it.
struct Story {
    circle: Circle,
    lent: Lent,
    /// An image that the registry has.
    image: String,
}

impl Story {
    async fn start(link: u8) -> Result<Self> {
        Self::start_with(link, None).await
    }

    async fn start_with(link: u8, lease_ms: Option<u32>) -> Result<Self> {
        let mut circle = Circle::start(Options {
            allow_outgoing: Some("10.213.0.0/16"),
            lease_ms,
            ..Options::default()
        })
        .await?;
        let base = circle.service("base").await?;
        base.write("Dockerfile", "FROM circle/busybox:1\n")?;
        base.write("caicloud.yml", "version: 1\nbuild: {dockerfile: Dockerfile}\n")?;
        let built = base.push("main").await?.succeeds().await?;
        let image = built.images.first().context("an image")?;
        let image = format!(
            "{}@{}",
            image.repository.as_deref().context("it was pushed")?,
            image.digest.as_deref().context("it was pushed")?
        );
        circle.stop_worker().await?;
        let mut lent = Lent::start(&circle.folder().join("lent"), link).await?;
        for address in circle.addresses() {
            lent.open(address.port()).await?;
        }
        Ok(Self { circle, lent, image })
    }

    fn server_url(&self) -> String {
        let here = self.lent.this_machine();
        self.circle.url().replace("127.0.0.1", &here.to_string())
    }

    /// `circle host add`, with these keys and this address of the server.
    async fn add(&self, name: &str, (keys, server_url): (&str, &str)) -> Result<(bool, String)> {
        let bundle = self.lent.bundle(keys)?.display().to_string();
        let (endpoint, here) = (self.lent.endpoint(), self.lent.this_machine());
        let mut words: Vec<String> = [
            "host",
            "add",
            name,
            &endpoint,
            "--tls-file",
            &bundle,
            "--server-url",
            server_url,
        ]
        .map(str::to_owned)
        .into();
        words.extend(["--allow-plain-http", "--memory-mib", "4096", "--of", "default"].map(str::to_owned));
        for address in self.circle.addresses() {
            words.push(format!("--worker-flag=--relay={address}={here}:{}", address.port()));
        }
        self.say(&words).await
    }

    async fn say(&self, words: &[impl AsRef<str>]) -> Result<(bool, String)> {
        let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
        let output = self.circle.command(&words).await?;
        let said = [output.stdout, output.stderr].concat();
        Ok((output.status.success(), String::from_utf8_lossy(&said).into_owned()))
    }

    async fn does(&self, words: &[&str]) -> Result<String> {
        let (good, said) = self.say(words).await?;
        ensure!(good, "circle {words:?}: {said}");
        Ok(said)
    }

    async fn service(&self, name: &str, commands: &str) -> Result<StoryService> {
        let service = self.circle.service(name).await?;
        let pipeline = format!(
            "version: 1\nintegration: {{image: '{}', commands: [{commands}]}}\n",
            self.image
        );
        service.write("caicloud.yml", pipeline)?;
        Ok(service)
    }

    /// What the engine still has of workers: containers and their volumes.
    async fn left(&self) -> Result<Vec<String>> {
        let engine = self.lent.engine()?;
        let mut left = engine.labelled("circle.worker").await;
        left.extend(engine.volumes().await);
        Ok(left)
    }

    /// The names that the server has for its workers there.
    async fn workers_there(&self) -> Result<Vec<String>> {
        let workers = self.circle.client().workers(&Default::default()).await?.items;
        let there = workers.into_iter().map(|worker| worker.name);
        Ok(there.filter(|name| name.starts_with("lab-")).collect())
    }

    async fn nothing_is_left(&self) -> Result<()> {
        until(
            "no worker is left, neither there nor at the server",
            PATIENCE,
            || async {
                let left = self.left().await.map_err(|error| error.to_string())?;
                let known = self.workers_there().await.map_err(|error| error.to_string())?;
                match left.is_empty() && known.is_empty() {
                    true => Ok(()),
                    false => Err(format!("{left:?}, the server knows {known:?}")),
                }
            },
        )
        .await
    }
}

async fn says(run: &StoryRun, word: &str) -> Result<()> {
    until(word, PATIENCE, || async {
        let log = run.log("integration").await.map_err(|error| error.to_string())?;
        if log.contains(word) { Ok(()) } else { Err(log) }
    })
    .await
}

#[tokio::test]
async fn a_lent_engine_is_looked_at_takes_runs_and_is_given_back_as_it_was() -> Result<()> {
    let story = Story::start(LINK).await?;
    let url = story.server_url();

    // Checked before it is taken in: keys that it does not know, and a server that is not reached from there.
    let (good, said) = story.add("lab", ("stranger", &url)).await?;
    ensure!(!good && said.contains("cannot be reached"), "{said}");
    story.does(&["host", "remove", "lab", "--force"]).await?;
    let nowhere = format!("http://{}:9", story.lent.this_machine());
    let (good, said) = story.add("lab", ("client", &nowhere)).await?;
    ensure!(!good && said.contains("--server-url"), "{said}");
    story.does(&["host", "remove", "lab"]).await?;
    until("the host is forgotten", PATIENCE, || async {
        let listed = story.does(&["host", "list"]).await.map_err(|error| error.to_string())?;
        if listed.contains("There are no hosts") {
            Ok(())
        } else {
            Err(listed)
        }
    })
    .await?;
    let (good, said) = story.add("lab", ("client", &url)).await?;
    ensure!(good && said.contains("is ready for 1 run"), "{said}");

    // A run goes there, and nothing of it stays; what it was told stands nowhere on the engine.
    let shop = story.service("shop", "echo from elsewhere").await?;
    let run = shop.push("main").await?;
    run.succeeds().await?;
    ensure!(run.log("integration").await?.contains("from elsewhere"));
    story.nothing_is_left().await?;

    // One place: the second run says why it waits; a cancelled run is gone from the engine.
    let slow = story.service("slow", "echo under way, sleep 600").await?;
    let first = slow.push("main").await?;
    says(&first, "under way").await?;
    let second = shop.push_ref("second").await?;
    until("it says why it waits", PATIENCE, || async {
        let view = second.view().await.map_err(|error| error.to_string())?;
        let reason = view.waiting.map(|waiting| waiting.sentence).unwrap_or_default();
        if reason.contains("the only cell is busy") {
            Ok(())
        } else {
            Err(reason)
        }
    })
    .await?;
    first.cancel().await?;
    first.ends_as("cancelled").await?;
    second.succeeds().await?;
    story.nothing_is_left().await?;

    // Given back: neither image nor container nor volume of Circle's is there.
    story.does(&["host", "remove", "lab"]).await?;
    until("nothing of the host is left", PATIENCE, || async {
        let listed = story.does(&["host", "list"]).await.map_err(|error| error.to_string())?;
        let engine = story.lent.engine().map_err(|error| error.to_string())?;
        let left = engine.labelled("circle.host").await;
        match listed.contains("There are no hosts") && left.is_empty() {
            true => Ok(()),
            false => Err(format!("{listed} {left:?}")),
        }
    })
    .await?;
    story.circle.stop().await
}

#[tokio::test]
async fn a_run_elsewhere_outlives_a_lost_link_and_a_server_and_is_taken_again_when_its_engine_dies() -> Result<()> {
    let mut story = Story::start(LINK + 1).await?;
    let url = story.server_url();
    let (good, said) = story.add("lab", ("client", &url)).await?;
    ensure!(good, "{said}");
    let commands = "echo one, sleep 20, echo two";
    let shop = story.service("shop", commands).await?;

    // The link is lost for a while, and then the server is: the run goes on, and its log is whole.
    let run = shop.push("main").await?;
    says(&run, "one").await?;
    let before = story.workers_there().await?;
    ensure!(before.len() == 1, "{before:?}");
    story.lent.set_link(false)?;
    tokio::time::sleep(LOST).await;
    story.lent.set_link(true)?;
    story.circle.stop_server().await?;
    story.circle.start_server().await?;
    ensure!(story.workers_there().await? == before, "another worker took it");
    run.succeeds().await?;
    let log = run.log("integration").await?;
    ensure!(log.contains("one") && log.contains("two"), "{log}");
    story.nothing_is_left().await?;

    // The engine dies in the middle: the run is taken again there as soon as it is back.
    let again = shop.push_ref("again").await?;
    says(&again, "one").await?;
    story.lent.kill()?;
    until("the host gives trouble", PATIENCE, || async {
        let listed = story.does(&["host", "list"]).await.map_err(|error| error.to_string())?;
        if listed.contains("troubled") {
            Ok(())
        } else {
            Err(listed)
        }
    })
    .await?;
    story.lent.start_again().await?;
    again.succeeds().await?;
    story.nothing_is_left().await?;
    story.circle.stop().await
}

#[tokio::test]
async fn a_run_elsewhere_whose_link_is_lost_for_longer_than_its_lease_is_taken_again_once() -> Result<()> {
    let story = Story::start_with(LINK + 3, Some(SHORT_LEASE_MS)).await?;
    let url = story.server_url();
    let (good, said) = story.add("lab", ("client", &url)).await?;
    ensure!(good, "{said}");
    // Every try says something else.
    let shop = story
        .service(
            "shop",
            "echo try $(cat /proc/sys/kernel/random/uuid), sleep 12, echo done",
        )
        .await?;
    let run = shop.push("main").await?;
    says(&run, "try ").await?;
    let first = (run.log("integration").await?, story.workers_there().await?);
    story.lent.set_link(false)?;
    until("the run waits again", PATIENCE, || async {
        let view = run.view().await.map_err(|error| error.to_string())?;
        match view.run.state.word() {
            "queued" => Ok(()),
            word => Err(word.to_owned()),
        }
    })
    .await?;
    story.lent.set_link(true)?;
    let view = run.succeeds().await?;
    let log = run.log("integration").await?;
    let lines = |log: &str| -> Vec<String> {
        let own = log.lines().filter(|line| !line.starts_with("circle: "));
        own.map(str::to_owned).collect()
    };
    let (before, after) = (lines(&first.0), lines(&log));
    ensure!(
        after.len() == 2 && after[1] == "done" && before.first() != after.first(),
        "what the first try said is gone with it: {before:?}, {after:?}"
    );
    let index = tries_of_job(&story, &run).await?;
    ensure!(index == [2], "once again, and no more: {index:?}, {:?}", view.stages);
    story.nothing_is_left().await?;
    // The host is as good as before, and its next run is a new worker's.
    let next = shop.push_ref("next").await?;
    says(&next, "try ").await?;
    let now = story.workers_there().await?;
    ensure!(now.len() == 1 && now != first.1, "{now:?} after {:?}", first.1);
    next.succeeds().await?;
    story.nothing_is_left().await?;
    story.circle.stop().await
}

/// The tries that a run's job is known by.
async fn tries_of_job(story: &Story, run: &StoryRun) -> Result<Vec<u32>> {
    let stages = story.circle.client().log_index(run.id()).await?.stages;
    let of_job = stages.iter().filter(|log| log.stage == "integration");
    Ok(of_job.map(|log| log.attempt).collect())
}

/// The engine's own client, as whoever sits at that machine.
fn docker(story: &Story, words: &[String]) -> Result<String> {
    let socket = story.lent.engine()?.socket();
    let mut client = Command::new("docker");
    let client = client.arg(format!("--host=unix://{}", socket.display())).args(words);
    let output = client.output().context("start docker")?;
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    ensure!(output.status.success(), "docker {words:?}: {said}");
    Ok(said)
}

/// What the guide has `docker run` say, with the first set of capabilities that this machine can give.
fn carry(story: &Story, name: &str) -> Result<String> {
    let words = |list: &Value, flag: &str| -> Vec<String> {
        let names = list.as_array().into_iter().flatten().filter_map(Value::as_str);
        names.map(|name| format!("{flag}={name}")).collect()
    };
    let mut last = String::new();
    for rights in NestedRights::SETS {
        let mut host = json!({});
        rights.write(&mut host);
        let mut all = vec!["run".to_owned(), "--detach".to_owned(), format!("--name={name}")];
        all.extend(words(&host["CapAdd"], "--cap-add"));
        all.extend(words(&host["CapDrop"], "--cap-drop"));
        let fixed = "--security-opt=seccomp=unconfined --security-opt=apparmor=unconfined --security-opt=systempaths=unconfined \
                     --userns=host --cgroupns=private --tmpfs=/run:exec --tmpfs=/tmp:exec,mode=1777 \
                     --volume=carried:/var/lib/circle --entrypoint=/usr/local/bin/circle";
        all.extend(fixed.split_whitespace().map(str::to_owned));
        let token = story.circle.folder().join("token");
        all.push(format!("--volume={}:/etc/circle-enrolment:ro", token.display()));
        all.push(format!(
            "--volume={}:/usr/local/bin/circle:ro",
            program("circle")?.display()
        ));
        let worker =
            "circle/worker-base:12 worker --allow-plain-http --enrolment=/etc/circle-enrolment --data=/var/lib/circle";
        all.extend(worker.split_whitespace().map(str::to_owned));
        all.push(format!("--server={}", story.server_url()));
        let here = story.lent.this_machine();
        let relays = story.circle.addresses().into_iter();
        all.extend(relays.map(|address| format!("--relay={address}={here}:{}", address.port())));
        match docker(story, &all) {
            Ok(said) => return Ok(said),
            Err(error) => last = format!("{error:#}"),
        }
        docker(story, &["rm", "--force", name].map(str::to_owned))?;
    }
    anyhow::bail!("no set of capabilities: {last}")
}

#[tokio::test]
async fn a_worker_that_is_a_container_carries_cells_and_goes_on_when_it_is_started_again() -> Result<()> {
    let story = Story::start(LINK + 2).await?;
    let token = story
        .circle
        .client()
        .enrol_worker(&EnrolmentCreate::default())
        .await?
        .token;
    std::fs::write(story.circle.folder().join("token"), token.expose())?;
    carry(&story, "carried")?;
    let shop = story.service("shop", "echo carried").await?;
    shop.push("main").await?.succeeds().await?;
    let workers = || async { story.circle.client().workers(&Default::default()).await };
    let before: Vec<_> = workers().await?.items.into_iter().map(|worker| worker.id).collect();

    // Killed as by a power cut; its token lies in its volume, and what its cells left in there is swept.
    docker(&story, &["kill", "carried"].map(str::to_owned))?;
    docker(&story, &["start", "carried"].map(str::to_owned))?;
    let run = shop.push_ref("second").await?;
    run.succeeds().await?;
    ensure!(run.log("integration").await?.contains("carried"));
    let after: Vec<_> = workers().await?.items.into_iter().map(|worker| worker.id).collect();
    ensure!(before == after, "{before:?} {after:?}");
    docker(&story, &["rm", "--force", "--volumes", "carried"].map(str::to_owned))?;
    story.circle.stop().await
}
