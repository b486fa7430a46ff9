//! `circle environment history`: what was deployed.

use circle_api::resources::{DeploymentView, PageQuery};
use circle_core::names::Slug;
use clap::Args;
use jiff::Timestamp;

use crate::context::Session;
use crate::paint::Tone;
use crate::printer::Printer;
use crate::text::{Cell, Table, age};

#[derive(Debug, Args)]
pub(super) struct HistoryArgs {
    environment: Slug,
    /// How many, 1 to 200
    #[arg(long, short = 'n', default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=200))]
    limit: u32,
}

pub(super) async fn history(session: &Session, printer: &Printer, args: HistoryArgs) -> anyhow::Result<()> {
    let query = PageQuery {
        cursor: None,
        limit: Some(args.limit),
    };
    let page = session
        .client
        .deployments(&session.workspace, args.environment.as_str(), &query)
        .await?;
    printer.show(&page, |printer| table(&page.items, Timestamp::now(), printer))
}

fn table(deployments: &[DeploymentView], now: Timestamp, printer: &Printer) -> String {
    let mut table = Table::new(&["RUN", "WORKLOAD", "STATE", "BEFORE", "AFTER", "STARTED", "NOTE"]);
    for deployment in deployments {
        let tone = match deployment.state.as_str() {
            "succeeded" => Tone::Good,
            "failed" | "rolled_back" => Tone::Bad,
            "cancelled" => Tone::Warn,
            _ => Tone::Busy,
        };
        table.row([
            Cell::from(format!("{}/{}", deployment.service_name, deployment.run_number)),
            deployment.workload.as_str().into(),
            Cell::toned(deployment.state.replace('_', " "), tone),
            short(deployment.before_digest.as_deref().unwrap_or("nothing")).into(),
            short(&deployment.after_digest).into(),
            age(deployment.created_at, now).into(),
            deployment
                .failure
                .as_ref()
                .map(|failure| failure.message.as_str())
                .unwrap_or_default()
                .into(),
        ]);
    }
    table.render(printer, "Nothing was deployed there yet.")
}

/// `sha256:` and twelve digits.
fn short(digest: &str) -> &str {
    digest.get(..19).unwrap_or(digest)
}
