//! Workers as an administrator sees them.

use circle_api::client::Client;
use circle_api::resources::{EnrolmentCreate, WorkerState, WorkerView};
use circle_core::ids::WorkerId;
use clap::Args;
use jiff::Timestamp;

use super::super::pages;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::paint::Tone;
use crate::printer::Printer;
use crate::text::{Cell, Table, age, size};

#[derive(Debug, Args)]
pub(super) struct EnrolArgs {
    /// How long the token works, in seconds, 60 to 604800
    #[arg(long, value_name = "SECONDS", default_value_t = 3_600)]
    valid: u64,
    /// The workspace whose worker it becomes: it gets that workspace's runs alone, and none of strangers; everybody's
    /// when absent
    #[arg(long = "of", value_name = "WORKSPACE")]
    workspace: Option<String>,
    /// A known worker that lost its token: the new one takes its place
    #[arg(long, value_name = "WORKER")]
    again: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Named {
    /// Its name or id
    worker: String,
}

pub(super) async fn list(context: &Context) -> anyhow::Result<Exit> {
    let client = context.session()?.client;
    let workers = all(&client).await?;
    context
        .printer
        .show(&workers, |printer| table(&workers, Timestamp::now(), printer))?;
    Ok(Exit::Ok)
}

/// Prints the bare token, so that it can be kept in a file: `circle worker enrol > token`.
pub(super) async fn enrol(context: &Context, args: EnrolArgs) -> anyhow::Result<Exit> {
    let client = context.session()?.client;
    let made = client
        .enrol_worker(&EnrolmentCreate {
            valid_s: Some(args.valid),
            workspace: args.workspace,
            again: args.again,
        })
        .await?;
    context.printer.show(&made, |_| made.token.expose().to_owned())?;
    Ok(Exit::Ok)
}

pub(super) async fn drain(context: &Context, named: Named) -> anyhow::Result<Exit> {
    let client = context.session()?.client;
    let worker = client.drain_worker(find(&client, &named.worker).await?).await?;
    context.printer.show(&worker, |_| match worker.runs.len() {
        0 => format!("{} takes nothing new and has nothing to finish", worker.name),
        runs => format!("{} takes nothing new and finishes {runs} runs", worker.name),
    })?;
    Ok(Exit::Ok)
}

pub(super) async fn remove(context: &Context, named: Named) -> anyhow::Result<Exit> {
    let client = context.session()?.client;
    client.revoke_worker(find(&client, &named.worker).await?).await?;
    context
        .printer
        .say(&format!("the credential of {} is ended", named.worker))?;
    Ok(Exit::Ok)
}

async fn all(client: &Client) -> anyhow::Result<Vec<WorkerView>> {
    Ok(pages::all(|page| async move { client.workers(&page).await }).await?)
}

async fn find(client: &Client, named: &str) -> anyhow::Result<WorkerId> {
    if let Ok(id) = named.parse() {
        return Ok(id);
    }
    let workers = all(client).await?;
    let found = workers.iter().find(|worker| worker.name == named);
    Ok(found
        .ok_or_else(|| Failure::not_found(format!("there is no worker {named}; see: circle worker list")))?
        .id)
}

fn table(workers: &[WorkerView], now: Timestamp, printer: &Printer) -> String {
    let mut table = Table::new(&[
        "WORKER", "STATE", "RUNS", "CELLS", "WARM", "CPUS", "MEMORY", "VERSION", "SEEN", "ID",
    ]);
    for worker in workers {
        let tone = match worker.state {
            WorkerState::Connected => Tone::Good,
            WorkerState::Lost => Tone::Bad,
            WorkerState::Draining => Tone::Warn,
        };
        table.row([
            Cell::from(&worker.name),
            Cell::toned(worker.state.word(), tone),
            worker.runs.len().into(),
            worker.max_cells.into(),
            worker.warm_cells.into(),
            worker.cpus.into(),
            size(worker.memory_bytes).into(),
            format!("{} {}", worker.version, worker.arch).into(),
            worker
                .seen_at
                .map(|at| age(at, now))
                .unwrap_or_else(|| "never".into())
                .into(),
            worker.id.into(),
        ]);
    }
    table.render(
        printer,
        "There are no workers; `circle up` starts one, or: circle worker enrol",
    )
}
