//! `circle trigger`: asks for a run.

use std::time::Duration;

use circle_api::resources::{DeliveryState, RunSummary, TriggerRequest, Triggered};
use circle_core::ids::RunId;
use circle_core::names::{BranchName, CommitId, Slug, TagName};
use circle_core::queue::Priority;
use clap::Args;
use tokio::time::Instant;

use crate::context::{Context, Session};
use crate::exit::{Exit, Failure};
use crate::progress::{Detail, follow};

/// How long a delivery may take to become a run before we only say where to look.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at the delivery.
const PAUSE: Duration = Duration::from_millis(250);

/// Start a run of a service
#[derive(Debug, Args)]
pub(crate) struct TriggerArgs {
    service: Slug,
    /// The branch; the service's default branch when nothing is said
    #[arg(long, short, conflicts_with = "tag")]
    branch: Option<BranchName>,
    #[arg(long, short)]
    tag: Option<TagName>,
    /// A full commit id on that branch or tag; its head when absent
    #[arg(long)]
    commit: Option<CommitId>,
    /// Shown beside the run
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// An hour's head start before, or behind, the other runs of the workspace: high, normal or low
    #[arg(long, value_name = "PRIORITY", value_parser = parse_priority)]
    priority: Option<Priority>,
    /// Show the run to its end; the exit code is its verdict
    #[arg(long, short)]
    follow: bool,
    /// With --follow: show every line of the log
    #[arg(long, requires = "follow")]
    logs: bool,
}

pub(crate) async fn trigger(context: &Context, args: TriggerArgs) -> anyhow::Result<Exit> {
    let session = context.session()?;
    let wish = TriggerRequest {
        service: args.service,
        branch: args.branch,
        tag: args.tag,
        commit: args.commit,
        reason: args.reason,
        priority: args.priority,
        idempotency_key: None,
    };
    let triggered = session.client.trigger(&session.workspace, &wish).await?;
    let run = wait_for_run(&session, triggered).await?;
    if args.follow {
        let detail = if args.logs { Detail::Lines } else { Detail::Groups };
        return follow(&session.client, run.id, &context.printer, (detail, Vec::new())).await;
    }
    context.printer.show(&run, |_| {
        let name = format!("{}/{}", run.service_name, run.number);
        format!("{name} is {}; watch it with: circle logs -f {name}", run.state.word())
    })?;
    Ok(Exit::Ok)
}

fn parse_priority(word: &str) -> Result<Priority, String> {
    match word {
        "high" => Ok(Priority::High),
        "normal" => Ok(Priority::Normal),
        "low" => Ok(Priority::Low),
        _ => Err("a priority is high, normal or low".to_owned()),
    }
}

pub(super) async fn wait_for_run(session: &Session, triggered: Triggered) -> anyhow::Result<RunSummary> {
    if let Some(run) = triggered.run {
        return Ok(run);
    }
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        if let Some(run) = made_run(session.client.delivery(triggered.delivery).await?.state)? {
            return Ok(session.client.run(run).await?.run);
        }
        tokio::time::sleep(PAUSE).await;
    }
    let how = format!(
        "{} is stored but has no run yet; look again with: circle deliveries",
        triggered.delivery
    );
    Err(Failure::broken(how).into())
}

fn made_run(state: DeliveryState) -> Result<Option<RunId>, Failure> {
    match state {
        DeliveryState::Waiting => Ok(None),
        DeliveryState::Run { run } => Ok(Some(run)),
        DeliveryState::Ignored { why } => Err(Failure::broken(format!("there is nothing to run: {why}"))),
        DeliveryState::Refused { why } => Err(Failure::usage(why)),
    }
}
