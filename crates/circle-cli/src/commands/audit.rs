//! `circle audit`: who asked for which change.

use std::fs::{OpenOptions, rename};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use circle_api::resources::people::{AuditQuery, AuditView};
use clap::{Args, Subcommand};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use crate::context::{Context, Session};
use crate::exit::Exit;
use crate::paint::Tone;
use crate::printer::Printer;
use crate::text::{Cell, Table, safe_line};

/// List who asked for which change, newest first, and export the audit
///
/// It needs the role admin of the workspace, and an administrator of the server for --all.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct AuditArgs {
    #[command(flatten)]
    wanted: Wanted,
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Args)]
struct Wanted {
    /// Only of this person or token, by the name that they had then
    #[arg(long)]
    actor: Option<String>,
    /// Only of this operation of the API, such as trigger or create_registry
    #[arg(long)]
    action: Option<String>,
    /// Only since then: a time such as 2026-01-31T12:00:00Z, or how long ago, such as 7d or 12h
    #[arg(long, value_name = "WHEN", value_parser = parse_since)]
    since: Option<Timestamp>,
    /// Of every workspace, and of what is in none
    #[arg(long)]
    all: bool,
    /// How many, 1 to 200
    #[arg(long, short = 'n', default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=200))]
    limit: u32,
    /// Read on where the answer before ended (its `next`)
    #[arg(long)]
    cursor: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Write every entry as a line of JSON, oldest first
    Export {
        /// Of every workspace, and of what is in none
        #[arg(long)]
        all: bool,
        /// A file that is there when all of it is; standard output when absent
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

pub(crate) async fn audit(context: &Context, args: AuditArgs) -> anyhow::Result<Exit> {
    let session = context.session()?;
    if let Some(Action::Export { all, output }) = args.action {
        let workspace = (!all).then_some(session.workspace.as_str());
        export(&session, workspace, output, &context.printer).await?;
        return Ok(Exit::Ok);
    }
    let Wanted {
        actor,
        action,
        since,
        all,
        limit,
        cursor,
    } = args.wanted;
    let query = AuditQuery {
        cursor,
        limit: Some(limit),
        actor,
        action,
        since,
    };
    let page = if all {
        session.client.audit(&query).await?
    } else {
        session.client.workspace_audit(&session.workspace, &query).await?
    };
    context.printer.show(&page, |printer| {
        let more = page.next.as_ref().map(|next| format!("\nread on with --cursor {next}"));
        table(&page.items, printer) + &more.unwrap_or_default()
    })?;
    Ok(Exit::Ok)
}

async fn export(
    session: &Session,
    workspace: Option<&str>,
    output: Option<PathBuf>,
    printer: &Printer,
) -> anyhow::Result<()> {
    let Some(path) = output else {
        return session
            .client
            .audit_export(workspace, |bytes| printer.bytes(bytes))
            .await;
    };
    let lines = export_to(session, workspace, &path)
        .await
        .with_context(|| format!("the audit was not written to {}", path.display()))?;
    printer.say(&format!("{lines} entries are in {}", path.display()))
}

/// Beside the file until all of it is there; only its owner may read it, as who did what is nobody else's.
async fn export_to(session: &Session, workspace: Option<&str>, path: &Path) -> anyhow::Result<usize> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".part");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)?;
    let mut lines = 0;
    let take = |bytes: &[u8]| -> anyhow::Result<()> {
        lines += bytes.iter().filter(|byte| **byte == b'\n').count();
        Ok(file.write_all(bytes)?)
    };
    session.client.audit_export(workspace, take).await?;
    file.sync_all()?;
    rename(&beside, path)?;
    Ok(lines)
}

fn table(entries: &[AuditView], printer: &Printer) -> String {
    let mut table = Table::new(&["WHEN", "WHO", "ACTION", "NAME", "ANSWER", "ADDRESS"]);
    for entry in entries {
        // Names and addresses are what callers wrote.
        let plain = |text: &str| safe_line(text.as_bytes(), false);
        table.row([
            Cell::from(format!("{:.0}", entry.at)),
            plain(&entry.actor).into(),
            entry.action.as_str().into(),
            plain(entry.name.as_deref().unwrap_or_default()).into(),
            answer(entry.status),
            plain(&entry.path).into(),
        ]);
    }
    table.render(printer, "There are no such entries.")
}

fn answer(status: Option<u16>) -> Cell {
    match status {
        Some(status) if status < 400 => Cell::toned(status.to_string(), Tone::Good),
        Some(status) => Cell::toned(status.to_string(), Tone::Bad),
        None => Cell::toned("none", Tone::Warn),
    }
}

fn parse_since(text: &str) -> Result<Timestamp, String> {
    since(text, Timestamp::now())
}

fn since(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    if let Ok(at) = text.parse() {
        return Ok(at);
    }
    // In UTC a day has 24 hours.
    let ago: Option<Span> = text.parse().ok().filter(|span: &Span| span.is_positive());
    let then = ago.and_then(|ago| now.to_zoned(TimeZone::UTC).checked_sub(ago).ok());
    then.map(|then| then.timestamp())
        .ok_or_else(|| "write a time such as 2026-01-31T12:00:00Z, or how long ago, such as 7d or 12h".to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{since, table};
    use crate::paint::Paint;
    use crate::printer::Printer;

    #[test]
    fn entries_are_lines_without_what_callers_smuggle_in() {
        let printer = Printer {
            paint: Paint::off(),
            json: false,
            width: None,
        };
        let entry = |status, name| {
            let entry = json!({"id": "aud_00000000000000000000000000000001", "at": "2026-01-02T03:04:05.678Z", "actor": "nightly",
                "action": "create_registry", "path": "/api/v1/workspaces/shop/registries", "name": name, "status": status});
            serde_json::from_value(entry).expect("an entry")
        };
        let entries = [
            entry(Some(201), Some("hub")),
            entry(Some(403), Some("\u{1b}[2Jhub\nhub")),
            entry(None, None),
        ];
        insta::assert_snapshot!(table(&entries, &printer));
    }

    #[test]
    fn since_is_a_time_or_a_while_ago() {
        let now = "2026-03-01T12:00:00Z".parse().expect("a time");
        for (text, wanted) in [
            ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z"),
            ("2026-01-31T12:00:00+02:00", "2026-01-31T10:00:00Z"),
            ("7d", "2026-02-22T12:00:00Z"),
            ("90m", "2026-03-01T10:30:00Z"),
            ("1d 2h", "2026-02-28T10:00:00Z"),
        ] {
            assert_eq!(
                since(text, now).map(|at| at.to_string()).as_deref(),
                Ok(wanted),
                "{text}"
            );
        }
        for text in ["", "yesterday", "-7d", "7", "9999999d", "0s"] {
            since(text, now).expect_err(text);
        }
    }
}
