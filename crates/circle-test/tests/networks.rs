//! Private networks are closed to every run, until a workspace opens one to its own.

use std::fs::File;
use std::io::Write;
use std::net::TcpListener;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use circle_api::routes::DEFAULT_WORKSPACE;
use circle_test::{Circle, Options, StoryService};
use nix::sched::{CloneFlags, setns};

/// No other test's network has these addresses.
const RANGE: &str = "10.214.7.0/24";
const HERE: &str = "10.214.7.1/24";
const THERE: &str = "10.214.7.2";
const PORT: u16 = 7000;
/// Names of the link and the namespace.
const LINK: &str = "cxn7";

/// A machine behind a link of this one, that answers whoever connects.
struct Neighbour;

impl Neighbour {
    fn start() -> Result<Self> {
        let this = Self;
        ip(&format!("netns add {LINK}"))?;
        ip(&format!("link add {LINK} type veth peer name eth0 netns {LINK}"))?;
        ip(&format!("addr add {HERE} dev {LINK}"))?;
        ip(&format!("link set {LINK} up"))?;
        ip(&format!("-n {LINK} addr add {THERE}/24 dev eth0"))?;
        ip(&format!("-n {LINK} link set eth0 up"))?;
        let namespace = File::open(format!("/run/netns/{LINK}"))?;
        // A socket stays in the namespace in which it was made, and only its thread goes there.
        let listens = std::thread::spawn(move || -> Result<TcpListener> {
            setns(namespace, CloneFlags::CLONE_NEWNET)?;
            Ok(TcpListener::bind((THERE, PORT))?)
        });
        let listener = listens.join().expect("no panic")?;
        std::thread::spawn(move || {
            for mut guest in listener.incoming().flatten() {
                let _ = guest.write_all(b"the neighbour\n");
            }
        });
        Ok(this)
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        let _ = ip(&format!("link del {LINK}"));
        let _ = ip(&format!("netns del {LINK}"));
    }
}

fn ip(words: &str) -> Result<()> {
    let output = Command::new("ip").args(words.split(' ')).output().context("start ip")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "ip {words}: {said}");
    Ok(())
}

/// Whether a job of the service reaches the neighbour.
async fn reaches(service: &StoryService) -> Result<bool> {
    let asks = format!("nc -w 3 {THERE} {PORT} </dev/null || echo nobody");
    service.write(
        "caicloud.yml",
        format!("version: 1\nintegration:\n  image: circle/busybox:1\n  commands:\n    - {asks}\n"),
    )?;
    let run = service.push("main").await?;
    run.succeeds().await?;
    let log = run.log("integration").await?;
    match (log.contains("the neighbour"), log.contains("nobody")) {
        (true, false) => Ok(true),
        (false, true) => Ok(false),
        _ => anyhow::bail!("neither:\n{log}"),
    }
}

#[tokio::test]
async fn sec_27_a_private_network_is_open_to_the_runs_of_the_workspace_that_opened_it_alone() -> Result<()> {
    let circle = Circle::start(Options::default()).await?;
    let _neighbour = Neighbour::start()?;
    let shop = circle.service("shop").await?;
    circle.workspace("other").await?;
    let other = circle.service_in("other", "theirs").await?;
    ensure!(!reaches(&shop).await?, "it is open from the beginning");

    let change = serde_json::from_value(serde_json::json!({ "policy": { "networks": [RANGE] } }))?;
    circle.client().change_workspace(DEFAULT_WORKSPACE, &change).await?;
    ensure!(reaches(&shop).await?, "it stays closed to whom it was opened");
    ensure!(!reaches(&other).await?, "it is open to others");
    circle.stop().await
}
