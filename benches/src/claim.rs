//! A claim with a hundred thousand runs of a thousand services waiting: the order alone, and the whole way to the store.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use circle_core::ids::{RunId, ServiceId, WorkspaceId};
use circle_core::plan::Concurrency;
use circle_core::queue::{Line, Priority, Standing, Ticket};
use circle_store::records::{EmbeddedStore, Kind, NewDocument, Query, Store, Stored};
use circle_test::{Circle, Options};
use serde_json::json;
use uuid::Uuid;

use crate::copies::{copy_of_run, set, write};
use crate::dispatch::queue;
use crate::figures::{Report, median, ms, percentile};
use crate::hands::Hands;

/// Runs that wait.
const QUEUED: u64 = 100_000;
/// Their services.
const SERVICES: u64 = 1_000;
/// Workspaces of the services, where only the order is measured.
const WORKSPACES: u64 = 50;
/// Turns that are timed.
const TURNS: usize = 20_000;
/// Claims that are timed, one after the other.
const CLAIMS: usize = 1_000;
/// A claim must stay below this.
const GOAL: Duration = Duration::from_millis(1);

/// Prints both.
pub(crate) async fn measure(report: &mut Report) -> Result<()> {
    order(report)?;
    let mut circle = Circle::start(Options::default()).await?;
    queue(&mut circle, 1).await?;
    circle.stop_server().await?;
    fill(&circle).await?;
    let start = Instant::now();
    circle.start_server().await?;
    report.fact("server start with 100,000 queued runs", &ms(start.elapsed()));
    let hands = Hands::enrol(&circle, "nothing").await?;
    let mut offers = hands.offers().await?;
    let mut times = Vec::new();
    while times.len() < CLAIMS {
        let run = offers.next().await?.context("the queue is not empty")?;
        if let Some((assignment, took)) = hands.claim(run).await? {
            times.push(took);
            hands.end(&assignment).await?;
        }
    }
    drop(offers);
    circle.stop().await?;
    let p50 = median(&mut times);
    report.row(
        "claim over the socket, lease and run on disk, 100,000 queued, p50",
        &ms(p50),
        "< 1 ms",
        p50 < GOAL,
    );
    report.fact("… p99", &ms(percentile(&mut times, 99)));
    Ok(())
}

/// The order alone: find the next run, give it its turn, forget it.
fn order(report: &mut Report) -> Result<()> {
    let mut line = Line::default();
    for number in 0..QUEUED {
        line.put(ticket(number), Standing::Waiting);
    }
    let mut times = Vec::with_capacity(TURNS);
    for turn in 0..TURNS {
        let start = Instant::now();
        let run = line.next(None, |_| true).context("the line is not empty")?;
        line.start(run);
        times.push(start.elapsed());
        // Some stay active, as cells are.
        if turn % 8 != 0 {
            line.take(run);
        }
    }
    let last = RunId::from_uuid(Uuid::from_u128(u128::from(QUEUED - 1)));
    let start = Instant::now();
    line.why(last).context("it waits")?;
    let why = start.elapsed();
    let p99 = percentile(&mut times, 99);
    let micro = |time: Duration| format!("{:.1} µs", time.as_secs_f64() * 1e6);
    report.row(
        "the next of 100,000 waiting runs, p99",
        &micro(p99),
        "< 1 ms",
        p99 < GOAL,
    );
    report.fact("… p50", &micro(median(&mut times)));
    report.fact("why the last one waits", &micro(why));
    Ok(())
}

fn ticket(number: u64) -> Ticket {
    let service = number % SERVICES;
    Ticket {
        run: RunId::from_uuid(Uuid::from_u128(u128::from(number))),
        workspace: WorkspaceId::from_uuid(Uuid::from_u128(u128::from(service % WORKSPACES))),
        service: ServiceId::from_uuid(Uuid::from_u128(u128::from(service))),
        git_ref: format!("refs/heads/b{}", number / SERVICES % 4).into(),
        number,
        priority: Priority::Normal,
        created_ms: i64::try_from(number).unwrap_or(i64::MAX),
        concurrency: [Concurrency::Queue, Concurrency::Parallel][usize::from(number.is_multiple_of(3))],
    }
}

/// Copies the one service and the one waiting run into a stopped server's store.
async fn fill(circle: &Circle) -> Result<()> {
    let store = EmbeddedStore::open(&circle.folder().join("data/server/records"))?;
    let services = store.find(Query::all(Kind::Service)).await?;
    let service = services.heads.first().context("there is a service")?;
    let service = store.get(Kind::Service, &service.id).await?.context("the service")?;
    let runs = store.find(Query::all(Kind::Run).limit(10)).await?;
    let waits = |head: &&circle_store::records::Head| head.text("/state/name") == Some("queued");
    let run = runs.heads.iter().find(waits).context("there is a waiting run")?;
    let run = store.get(Kind::Run, &run.id).await?.context("the run")?;
    let ids: Vec<ServiceId> = (0..SERVICES).map(|_| ServiceId::from_uuid(Uuid::now_v7())).collect();
    let services = ids
        .iter()
        .enumerate()
        .map(|(number, id)| copy_of_service(&service, *id, number));
    write(&store, services).await?;
    let runs = (0..QUEUED).map(|number| {
        let place = usize::try_from(number % SERVICES).unwrap_or(0);
        copy_of_run(&run, ids[place], (number / SERVICES + 1, &format!("bench:{number}")))
    });
    write(&store, runs).await
}

fn copy_of_service(service: &Stored, id: ServiceId, number: usize) -> NewDocument {
    let mut body = service.body.clone();
    set(
        &mut body,
        &[("/id", json!(id)), ("/name", json!(format!("service-{number}")))],
    );
    NewDocument {
        kind: Kind::Service,
        id: id.to_string(),
        body,
    }
}
