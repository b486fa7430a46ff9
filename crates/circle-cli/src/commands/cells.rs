//! `circle cells`: the golden roots that cells begin from, on every worker.

use circle_api::client::{ApiError, Client};
use circle_api::resources::{GoldenRootView, GoldenRootsPrune, TriggerRequest, WorkerState, WorkerView};
use circle_core::ids::{ServiceId, WorkerId};
use circle_core::names::Slug;
use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::pages;
use super::trigger::wait_for_run;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::printer::Printer;
use crate::text::{Cell, Table, age, size};

/// List, remove and rebuild the golden roots that cells begin from
///
/// A golden root is the warm disk of one service and protected ref, or the base of the operator's images. Without a
/// command: list them. For administrators.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct CellsArgs {
    #[command(flatten)]
    list: ListArgs,
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Default, Args)]
struct ListArgs {
    /// Only of this worker, by name or id; every connected one when absent
    #[arg(long, value_name = "WORKER")]
    worker: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List roots with their sizes, last use and hit rate
    List(ListArgs),
    /// Remove roots: the next runs begin from the base; running ones keep what they have, and the base stays
    Prune {
        /// Only those of this service of the workspace
        #[arg(long, value_name = "SERVICE")]
        service: Option<Slug>,
        /// Only those that no run has begun from for so many hours
        #[arg(long, value_name = "HOURS")]
        unused_hours: Option<u32>,
        #[command(flatten)]
        of: ListArgs,
    },
    /// Remove a service's roots and run its default branch, whose success makes the root anew
    Rebuild { service: Slug },
}

pub(crate) async fn cells(context: &Context, args: CellsArgs) -> anyhow::Result<Exit> {
    match args.action {
        None => list(context, &args.list).await,
        Some(Action::List(of)) => list(context, &of).await,
        Some(Action::Prune {
            service,
            unused_hours,
            of,
        }) => {
            let service = match service {
                Some(name) => Some(service_id(context, &name).await?),
                None => None,
            };
            let unused_s = unused_hours.map(|hours| u64::from(hours) * 3_600);
            let removed = prune(context, &of, &GoldenRootsPrune { service, unused_s }).await?;
            show(context, removed, |removed, _| freed(removed))
        }
        Some(Action::Rebuild { service }) => rebuild(context, &service).await,
    }
}

async fn list(context: &Context, of: &ListArgs) -> anyhow::Result<Exit> {
    let client = context.session()?.client;
    let roots = ask(&client, of, async |worker| client.worker_roots(worker).await).await?;
    show(context, roots, |roots, printer| table(roots, Timestamp::now(), printer))
}

async fn rebuild(context: &Context, service: &Slug) -> anyhow::Result<Exit> {
    let wish = GoldenRootsPrune {
        service: Some(service_id(context, service).await?),
        unused_s: None,
    };
    let removed = prune(context, &ListArgs::default(), &wish).await?;
    let session = context.session()?;
    let request = TriggerRequest {
        service: service.clone(),
        branch: None,
        tag: None,
        commit: None,
        reason: Some("rebuild the golden root".to_owned()),
        priority: None,
        inputs: Default::default(),
        idempotency_key: None,
    };
    let triggered = session.client.trigger(&session.workspace, &request).await?;
    let run = wait_for_run(&session, triggered).await?;
    let how = format!(
        "{service} #{} makes it anew on the worker that takes it, when it succeeds",
        run.number
    );
    show(context, removed, |removed, _| format!("{}; {how}", freed(removed)))
}

async fn prune(context: &Context, of: &ListArgs, wish: &GoldenRootsPrune) -> anyhow::Result<Answers> {
    let client = context.session()?.client;
    ask(&client, of, async |worker| {
        client.prune_worker_roots(worker, wish).await
    })
    .await
}

/// What the workers answered. One that does not takes nothing from what the others did.
#[derive(Debug, Default)]
struct Answers {
    roots: Vec<GoldenRootView>,
    silent: Vec<String>,
}

async fn ask(
    client: &Client,
    of: &ListArgs,
    question: impl AsyncFn(WorkerId) -> Result<Vec<GoldenRootView>, ApiError>,
) -> anyhow::Result<Answers> {
    let mut answers = Answers::default();
    for worker in connected(client, of).await? {
        match question(worker.id).await {
            Ok(roots) => answers.roots.extend(roots),
            Err(error @ ApiError::Problem(_)) if error.status() == Some(409) => answers.silent.push(error.to_string()),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(answers)
}

/// Shows the answers that came, then fails when one did not.
fn show(
    context: &Context,
    answers: Answers,
    text: impl FnOnce(&[GoldenRootView], &Printer) -> String,
) -> anyhow::Result<Exit> {
    context
        .printer
        .show(&answers.roots, |printer| text(&answers.roots, printer))?;
    if answers.silent.is_empty() {
        return Ok(Exit::Ok);
    }
    Err(Failure::conflict(answers.silent.join("; ")).into())
}

async fn service_id(context: &Context, name: &Slug) -> anyhow::Result<ServiceId> {
    let session = context.session()?;
    Ok(session.client.service(&session.workspace, name.as_str()).await?.id)
}

/// Only those that are there can tell; one that is asked for by name has to be.
async fn connected(client: &Client, of: &ListArgs) -> anyhow::Result<Vec<WorkerView>> {
    let workers = pages::all(|page| async move { client.workers(&page).await }).await?;
    let Some(named) = &of.worker else {
        let there = workers.into_iter().filter(|worker| worker.state != WorkerState::Lost);
        return Ok(there.collect());
    };
    let found = workers
        .into_iter()
        .find(|worker| worker.name == *named || worker.id.to_string() == *named);
    let none = || Failure::not_found(format!("there is no worker {named}; see: circle worker list"));
    Ok(vec![found.ok_or_else(none)?])
}

fn freed(removed: &[GoldenRootView]) -> String {
    let bytes = removed.iter().map(|root| root.own_bytes).sum();
    match removed.len() {
        0 => "no root had to go".to_owned(),
        1 => format!("1 root is removed, {} of its own", size(bytes)),
        many => format!("{many} roots are removed, {} of their own", size(bytes)),
    }
}

fn table(roots: &[GoldenRootView], now: Timestamp, printer: &Printer) -> String {
    let mut table = Table::new(&["ROOT", "GENERATION", "SIZE", "OWN", "USED", "HITS", "RATE", "WORKER"]);
    for root in roots {
        let label = if root.service.is_some() {
            root.label.clone()
        } else {
            "base".to_owned()
        };
        table.row([
            Cell::from(label),
            root.generation.into(),
            size(root.total_bytes).into(),
            size(root.own_bytes).into(),
            age(root.used_at, now).into(),
            root.hits.into(),
            rate(root.hits, root.misses).into(),
            Cell::from(&root.worker_name),
        ]);
    }
    table.render(
        printer,
        "There are no golden roots: a run of a protected ref that succeeds makes the first, where the storage can keep it",
    )
}

/// Runs that found the root of all that wished for it.
fn rate(hits: u64, misses: u64) -> String {
    match hits.saturating_add(misses) {
        0 => "—".to_owned(),
        all => format!("{} %", hits.saturating_mul(100) / all),
    }
}

#[cfg(test)]
mod tests {
    use super::rate;

    #[test]
    fn a_rate_is_of_all_that_wished() {
        assert_eq!(
            [rate(0, 0), rate(3, 1), rate(0, 5), rate(7, 0)],
            ["—", "75 %", "0 %", "100 %"]
        );
    }
}
