//! How many runs a second the server can hand out, with ten thousand queued and workers that do nothing.
//!
//! The runs repeat one that has really run, and all of them are queued before a worker comes, so that only dispatch is
//! measured; the workers speak the worker protocol over the socket like any other.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use circle_api::resources::{EnrolmentCreate, RerunRequest, ServiceChange};
use circle_api::routes::DEFAULT_WORKSPACE;
use circle_api::worker::{Assignment, Claim, Enrol, Enrolled, Events, NumberedEvent, Order, WorkerFacts};
use circle_api::worker::{FENCE_HEADER, PROTOCOL_HEADER, PROTOCOL_VERSION};
use circle_core::ids::RunId;
use circle_core::run::WorkerEvent;
use circle_test::{Circle, Options};
use futures_util::StreamExt;
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::json;
use tokio::task::JoinSet;

use crate::figures::Report;

/// Runs in the queue at the start.
const QUEUED: usize = 10_000;
/// Workers side by side.
const WORKERS: usize = 4;
/// Claims of one worker at the same time.
const CLAIMS: usize = 16;
/// Runs of one ref side by side, so that dispatch and not order is measured.
const PIPELINE: &str = "version: 1\nconcurrency: {branch: parallel}\n\
    integration:\n  image: circle/busybox:1\n  commands: [\"true\"]\n";

/// Prints the rate.
pub(crate) async fn measure(report: &mut Report) -> Result<()> {
    let mut circle = Circle::start(Options::default()).await?;
    queue(&mut circle).await?;
    let socket = circle.folder().join("data/server/circle.sock");
    let mut workers = JoinSet::new();
    let mut tokens = Vec::new();
    for number in 0..WORKERS {
        tokens.push(enrol(&circle, &socket, number).await?);
    }
    let start = Instant::now();
    for token in tokens {
        workers.spawn(work(http(&socket)?, token));
    }
    let mut done = 0;
    while let Some(count) = workers.join_next().await {
        done += count.context("a worker broke")??;
    }
    let rate = done as f64 / start.elapsed().as_secs_f64();
    circle.stop().await?;
    report.row(
        &format!("dispatch: {done} of {QUEUED} queued runs claimed and ended"),
        &format!("{rate:.0}/s"),
        "≥ 1000/s",
        rate >= 1000.0,
    );
    Ok(())
}

/// One real run, then repetitions of it that nobody takes.
async fn queue(circle: &mut Circle) -> Result<()> {
    let shop = circle.service("shop").await?;
    let many = ServiceChange {
        max_parallel: Some(1_000),
        ..ServiceChange::default()
    };
    circle.client().change_service(DEFAULT_WORKSPACE, "shop", &many).await?;
    shop.write("caicloud.yml", PIPELINE)?;
    let first = shop.push("main").await?;
    first.succeeds().await?;
    circle.stop_worker().await?;
    // One after the other: each new number of a service is a compare-and-swap on the one before.
    for _ in 0..QUEUED {
        circle.client().rerun(first.id(), &RerunRequest::default()).await?;
    }
    Ok(())
}

fn http(socket: &Path) -> Result<Client> {
    Ok(Client::builder()
        .unix_socket(socket.to_owned())
        .no_proxy()
        .tls_certs_only([])
        .build()?)
}

async fn enrol(circle: &Circle, socket: &Path, number: usize) -> Result<String> {
    let wish: EnrolmentCreate = serde_json::from_value(json!({}))?;
    let created = circle.client().enrol_worker(&wish).await?;
    let facts = WorkerFacts {
        version: env!("CARGO_PKG_VERSION").into(),
        arch: std::env::consts::ARCH.into(),
        max_cells: 64,
        warm_cells: 0,
        memory_bytes: 1 << 30,
        cpus: 2,
    };
    let enrol = Enrol {
        name: format!("nothing-{number}"),
        facts,
    };
    let call = http(socket)?
        .post("http://localhost/worker/v1/enrol")
        .header(PROTOCOL_HEADER, PROTOCOL_VERSION);
    let answer: Enrolled = call
        .bearer_auth(created.token.expose())
        .json(&enrol)
        .send()
        .await?
        .error_for_status()?
        .json()
        .await?;
    Ok(answer.token.expose().to_owned())
}

/// Claims what is offered and reports success at once, until nothing is offered any more.
async fn work(http: Client, token: String) -> Result<usize> {
    let stream = http
        .get("http://localhost/worker/v1/orders")
        .header(PROTOCOL_HEADER, PROTOCOL_VERSION)
        .bearer_auth(&token);
    let mut orders = stream.send().await?.error_for_status()?.bytes_stream();
    let (mut rest, mut done, mut tasks) = (Vec::new(), 0, JoinSet::new());
    loop {
        let next = tokio::time::timeout(Duration::from_secs(3), orders.next()).await;
        let Ok(Some(bytes)) = next else { break };
        rest.extend_from_slice(&bytes?);
        while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = rest.drain(..=end).collect();
            let Ok(Order::Offer { run, part }) = serde_json::from_slice(&line) else {
                continue;
            };
            if tasks.len() >= CLAIMS {
                done += tasks.join_next().await.context("tasks are there")???;
            }
            tasks.spawn(claim(http.clone(), token.clone(), run, part));
        }
    }
    while let Some(result) = tasks.join_next().await {
        done += result??;
    }
    Ok(done)
}

async fn claim(http: Client, token: String, run: RunId, part: usize) -> Result<usize> {
    let call = |path: &str| {
        http.post(format!("http://localhost/worker/v1/runs/{run}/{path}"))
            .header(PROTOCOL_HEADER, PROTOCOL_VERSION)
    };
    let answer = call("claim").bearer_auth(&token).json(&Claim { part }).send().await?;
    if answer.status() == StatusCode::CONFLICT {
        return Ok(0);
    }
    let assignment: Assignment = answer.error_for_status()?.json().await?;
    let events = Events {
        part,
        events: vec![NumberedEvent {
            sequence: 1,
            event: WorkerEvent::PartSucceeded,
        }],
    };
    report(call("events"), &assignment, &events).await?;
    Ok(1)
}

async fn report(call: RequestBuilder, assignment: &Assignment, events: &Events) -> Result<()> {
    let call = call
        .bearer_auth(assignment.run_token.expose())
        .header(FENCE_HEADER, assignment.fence);
    let status = call.json(events).send().await?.status();
    if !status.is_success() {
        bail!("a report was answered {status}");
    }
    Ok(())
}
