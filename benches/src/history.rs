//! A server with much behind it: how soon it answers after its start, how long a list takes, and how long a person's sign-in.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use circle_api::client::{Client, Endpoint};
use circle_api::resources::RunQuery;
use circle_api::resources::people::{InvitationCreate, LinkRedeem, SignIn};
use circle_api::routes::{self, DEFAULT_WORKSPACE};
use circle_api::worker::SecretValue;
use circle_core::members::Role;
use circle_core::names::Slug;
use circle_store::records::{EmbeddedStore, Kind, Query, Store};
use circle_test::{Circle, Options};

use crate::copies::{copy_of_run, write};
use crate::figures::{Report, median, ms, percentile};

/// Runs in the history of a server that is started.
const STARTED_WITH: u64 = 10_000;
/// Runs of which lists are asked for.
const LISTED: u64 = 100_000;
/// How often the server is started.
const STARTS: usize = 7;
/// How often the first page is asked for.
const LISTS: usize = 1_000;
/// Runs of a page.
const PAGE: u32 = 50;
/// How often somebody signs in.
const SIGN_INS: usize = 20;
/// Between two knocks at a server that starts.
const KNOCK: Duration = Duration::from_millis(2);

/// Prints all three.
pub(crate) async fn measure(report: &mut Report) -> Result<()> {
    let mut circle = Circle::start(Options::default()).await?;
    let shop = circle.service("shop").await?;
    shop.write(
        "caicloud.yml",
        "version: 1\nintegration: {image: 'circle/busybox:1', commands: ['true']}\n",
    )?;
    shop.push("main").await?.succeeds().await?;
    circle.stop_worker().await?;
    circle.stop_server().await?;
    fill(&circle, 1..STARTED_WITH).await?;
    start(&mut circle, report).await?;
    circle.stop_server().await?;
    fill(&circle, STARTED_WITH..LISTED).await?;
    circle.start_server().await?;
    list(&circle, report).await?;
    sign_in(&circle, report).await?;
    circle.stop().await
}

/// Copies the one run that has ended, as runs of the same service.
async fn fill(circle: &Circle, numbers: std::ops::Range<u64>) -> Result<()> {
    let store = EmbeddedStore::open(&circle.folder().join("data/server/records"))?;
    let runs = store.find(Query::all(Kind::Run).limit(1)).await?;
    let run = runs.heads.first().context("there is a run")?;
    let run = store.get(Kind::Run, &run.id).await?.context("the run")?;
    let service = run.body["service"].as_str().context("its service")?.parse()?;
    let copies = numbers.map(|number| copy_of_run(&run, service, (number + 1, &format!("bench:{number}"))));
    write(&store, copies).await
}

/// From the start of the process to its first answer.
async fn start(circle: &mut Circle, report: &mut Report) -> Result<()> {
    let (mut times, client) = (Vec::new(), person(circle)?);
    for _ in 0..STARTS {
        let begun = Instant::now();
        let (started, answered) = tokio::join!(circle.start_server(), first_answer(&client));
        started?;
        times.push(answered.duration_since(begun));
        circle.stop_server().await?;
    }
    circle.start_server().await?;
    let goal = Duration::from_millis(300);
    let p50 = median(&mut times);
    let what = format!("server start with {STARTED_WITH} runs in its history, p50");
    report.row(&what, &ms(p50), "< 300 ms", p50 < goal);
    Ok(())
}

async fn first_answer(client: &Client) -> Instant {
    while client.health().await.is_err() {
        tokio::time::sleep(KNOCK).await;
    }
    Instant::now()
}

/// The first page of the workspace's runs, one call after the other.
async fn list(circle: &Circle, report: &mut Report) -> Result<()> {
    let query = RunQuery {
        limit: Some(PAGE),
        ..RunQuery::default()
    };
    let mut times = Vec::new();
    for _ in 0..LISTS {
        let begun = Instant::now();
        let page = circle.client().runs(DEFAULT_WORKSPACE, &query).await?;
        times.push(begun.elapsed());
        ensure!(page.items.len() == PAGE as usize && page.next.is_some(), "a whole page");
    }
    let p99 = percentile(&mut times, 99);
    report.row(
        &format!("list of {PAGE} runs among {LISTED}, p99"),
        &ms(p99),
        "< 10 ms",
        p99 < Duration::from_millis(10),
    );
    report.fact("… p50", &ms(median(&mut times)));
    Ok(())
}

/// With name and password; most of it is the hash that makes guessing slow.
async fn sign_in(circle: &Circle, report: &mut Report) -> Result<()> {
    let invitation = InvitationCreate {
        role: Role::Developer,
        valid_s: None,
    };
    let link = circle.client().invite(DEFAULT_WORKSPACE, &invitation).await?.link;
    let link = link.expose().rsplit('#').next().context("a link")?.to_owned();
    let password = "a password for a measurement";
    let redeem = LinkRedeem {
        link: SecretValue::new(link),
        name: Some(Slug::new("somebody")?),
        password: Some(SecretValue::new(password)),
    };
    let http = reqwest::Client::new();
    let joined = http.post(circle.url() + routes::LINKS).json(&redeem).send().await?;
    ensure!(joined.status().is_success(), "{}", joined.text().await?);
    let (client, mut times) = (person(circle)?, Vec::new());
    let wish = SignIn {
        name: "somebody".to_owned(),
        password: SecretValue::new(password),
        token: None,
    };
    for _ in 0..SIGN_INS {
        let begun = Instant::now();
        client.sign_in(&wish).await?;
        times.push(begun.elapsed());
    }
    report.fact("sign-in with name and password, p50", &ms(median(&mut times)));
    report.fact("… p95", &ms(percentile(&mut times, 95)));
    Ok(())
}

/// Somebody without a credential.
fn person(circle: &Circle) -> Result<Client> {
    let endpoint: Endpoint = circle.url().parse()?;
    Ok(Client::new(endpoint, None)?)
}
