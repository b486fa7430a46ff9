//! `circle runs`: runs, newest first.

use circle_api::resources::{RunQuery, RunState, RunSummary};
use circle_core::names::Slug;
use clap::Args;
use jiff::Timestamp;

use crate::context::Context;
use crate::exit::Exit;
use crate::printer::Printer;
use crate::progress::state_cell;
use crate::text::{Cell, Table, age, duration, safe_line};

/// List runs, newest first
#[derive(Debug, Args)]
pub(crate) struct RunsArgs {
    /// Only of this service
    service: Option<Slug>,
    /// Only in this state: queued, running, deploying, succeeded, failed, cancelled, skipped
    #[arg(long, value_parser = parse_state)]
    state: Option<RunState>,
    /// How many, 1 to 200
    #[arg(long, short = 'n', default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=200))]
    limit: u32,
    /// Read on where the answer before ended (its `next`)
    #[arg(long)]
    cursor: Option<String>,
}

pub(crate) async fn runs(context: &Context, args: RunsArgs) -> anyhow::Result<Exit> {
    let session = context.session()?;
    let query = RunQuery {
        service: args.service,
        state: args.state,
        cursor: args.cursor,
        limit: Some(args.limit),
    };
    let page = session.client.runs(&session.workspace, &query).await?;
    context
        .printer
        .show(&page, |printer| table(&page.items, Timestamp::now(), printer))?;
    Ok(Exit::Ok)
}

fn table(runs: &[RunSummary], now: Timestamp, printer: &Printer) -> String {
    let mut table = Table::new(&["RUN", "STATE", "REF", "COMMIT", "TITLE", "STAGE", "TOOK", "STARTED"]);
    for run in runs {
        let git_ref = run
            .git_ref
            .trim_start_matches("refs/heads/")
            .trim_start_matches("refs/tags/");
        table.row([
            Cell::from(format!("{}/{}", run.service_name, run.number)),
            state_cell(run),
            git_ref.into(),
            run.commit
                .as_deref()
                .map(|commit| commit.chars().take(12).collect::<String>())
                .unwrap_or_default()
                .into(),
            shortened(&safe_line(run.title.as_deref().unwrap_or_default().as_bytes(), false)).into(),
            run.stage.as_deref().unwrap_or_default().into(),
            run.duration_ms.map(duration).unwrap_or_default().into(),
            age(run.created_at, now).into(),
        ]);
    }
    table.render(
        printer,
        "There are no runs; push to a service's repository, or: circle trigger SERVICE",
    )
}

/// Titles are as long as people make them.
fn shortened(title: &str) -> String {
    const MAX_CHARS: usize = 50;
    match title.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", &title[..end]),
        None => title.to_owned(),
    }
}

fn parse_state(text: &str) -> Result<RunState, String> {
    serde_json::from_value(text.into())
        .map_err(|_| "write queued, running, deploying, succeeded, failed, cancelled or skipped".to_owned())
}

#[cfg(test)]
mod tests {
    use super::table;
    use crate::paint::Paint;
    use crate::printer::Printer;
    use circle_api::resources::RunSummary;
    use serde_json::json;

    fn runs() -> Vec<RunSummary> {
        let common = json!({"id": "run_00000000000000000000000000000007", "service": "svc_00000000000000000000000000000002",
            "service_name": "web", "number": 12, "state": "failed", "event": "push", "ref": "refs/heads/main",
            "commit": "0123456789abcdef0123456789abcdef01234567", "title": "Mend the door \u{1b}[2J of 店",
            "actor": "alice", "stage": "build", "duration_ms": 23_400, "created_at": "2026-01-02T03:04:05Z"});
        let mut queued = common.clone();
        for (key, value) in [
            ("number", json!(13)),
            ("state", json!("running")),
            ("cancelling", json!(true)),
            ("duration_ms", json!(null)),
            ("commit", json!(null)),
            ("title", json!("x".repeat(80))),
        ] {
            queued[key] = value;
        }
        [queued, common]
            .map(|value| serde_json::from_value(value).expect("a summary"))
            .into()
    }

    #[test]
    fn runs_stand_in_columns() {
        let printer = Printer {
            paint: Paint::off(),
            json: false,
            width: None,
        };
        let now = "2026-01-02T03:24:05Z".parse().expect("a time");
        insta::assert_snapshot!(table(&runs(), now, &printer));
    }

    #[test]
    fn an_empty_list_says_what_to_do() {
        let printer = Printer {
            paint: Paint::off(),
            json: false,
            width: None,
        };
        let now = "2026-01-02T03:24:05Z".parse().expect("a time");
        assert!(table(&[], now, &printer).contains("circle trigger"));
    }
}
