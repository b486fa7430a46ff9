//! `circle schedule`: runs that the clock starts.

use circle_api::resources::starting::{ScheduleChange, ScheduleCreate, ScheduleSource, ScheduleView};
use circle_core::names::{BranchName, Slug};
use circle_core::schedule::DEFAULT_ZONE;
use clap::{Args, Subcommand};

use super::run::pair;
use super::trigger::once_each;
use crate::context::Context;
use crate::exit::Exit;
use crate::paint::Tone;
use crate::printer::Printer;
use crate::text::{Cell, Table, safe_line};

/// Start runs by the clock
///
/// The pipeline file of a service's default branch can have schedules of its own, as `triggers` with `event: schedule`; they are listed
/// here too, and can be paused.
#[derive(Debug, Args)]
pub(crate) struct ScheduleArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the schedules of a service with their next times
    List { service: Slug },
    /// Add one beside the file; its runs count as pushes of the branch
    Add {
        service: Slug,
        name: Slug,
        /// Minute, hour, day of the month, month, day of the week, such as "0 3 * * MON-FRI"
        #[arg(long, value_name = "PATTERN")]
        cron: String,
        /// The time zone of the pattern, such as Asia/Shanghai
        #[arg(long, default_value = DEFAULT_ZONE)]
        zone: String,
        /// The branch; the service's default branch when nothing is said
        #[arg(long, short)]
        branch: Option<BranchName>,
        /// A value of an input for its runs; may be repeated
        #[arg(long = "set", value_name = "NAME=VALUE", value_parser = pair)]
        set: Vec<(String, String)>,
    },
    /// Leave out what is due from now on
    Pause {
        service: Slug,
        /// Its name or id
        schedule: String,
    },
    /// Let it go on; what was due in the pause is not made up for
    Resume {
        service: Slug,
        /// Its name or id
        schedule: String,
    },
    /// Remove one that was added beside the file
    Remove {
        service: Slug,
        /// Its name or id
        schedule: String,
    },
}

pub(crate) async fn schedule(context: &Context, args: ScheduleArgs) -> anyhow::Result<Exit> {
    let session = context.session()?;
    let (client, workspace, printer) = (&session.client, session.workspace.as_str(), &context.printer);
    let paused = async |service: &Slug, schedule: &str, paused| {
        let place = (workspace, service.as_str(), schedule);
        client.change_schedule(place, ScheduleChange { paused }).await
    };
    match args.action {
        Action::List { service } => {
            let schedules = client.schedules(workspace, service.as_str()).await?;
            printer.show(&schedules, |printer| table(&schedules, printer))?;
        }
        Action::Add {
            service,
            name,
            cron,
            zone,
            branch,
            set,
        } => {
            let wish = ScheduleCreate {
                name,
                cron,
                zone: Some(zone),
                branch,
                inputs: once_each(set)?,
            };
            let view = client.create_schedule(workspace, service.as_str(), &wish).await?;
            printer.show(&view, |_| format!("{} runs next at {}", view.name, next(&view)))?;
        }
        Action::Pause { service, schedule } => {
            let view = paused(&service, &schedule, true).await?;
            printer.show(&view, |_| format!("{} is paused", view.name))?;
        }
        Action::Resume { service, schedule } => {
            let view = paused(&service, &schedule, false).await?;
            printer.show(&view, |_| format!("{} runs next at {}", view.name, next(&view)))?;
        }
        Action::Remove { service, schedule } => {
            client.remove_schedule(workspace, service.as_str(), &schedule).await?;
            printer.say(&format!("{schedule} is removed"))?;
        }
    }
    Ok(Exit::Ok)
}

fn given(view: &ScheduleView) -> String {
    let pair = |(name, value): (&String, &String)| safe_line(format!("{name}={value}").as_bytes(), false);
    view.inputs.iter().map(pair).collect::<Vec<_>>().join(" ")
}

fn next(view: &ScheduleView) -> String {
    view.next.first().map(ToString::to_string).unwrap_or_default()
}

fn table(schedules: &[ScheduleView], printer: &Printer) -> String {
    let mut table = Table::new(&[
        "SCHEDULE", "FROM", "PATTERN", "ZONE", "BRANCH", "INPUTS", "NEXT", "LAST", "NOTE",
    ]);
    for view in schedules {
        let from = match view.from {
            ScheduleSource::File => "the file",
            ScheduleSource::Service => "the service",
        };
        let note = match &view.left_out {
            Some(left_out) if view.last.is_none_or(|last| last.due < left_out.due) => {
                format!("{} was left out: {}", left_out.due, left_out.why)
            }
            _ => String::new(),
        };
        // Those of the file have no other name than pattern and zone: their id is shorter to write.
        let name = match view.from {
            ScheduleSource::File => view.id.to_string(),
            ScheduleSource::Service => view.name.clone(),
        };
        table.row([
            Cell::from(name),
            from.into(),
            view.cron.as_str().into(),
            view.zone.as_str().into(),
            view.branch
                .as_ref()
                .map_or_else(|| "(default)".to_owned(), ToString::to_string)
                .into(),
            given(view).into(),
            match &view.paused_by {
                Some(by) => Cell::toned(format!("paused by {by}"), Tone::Warn),
                None => next(view).into(),
            },
            view.last.map(|last| last.due.to_string()).unwrap_or_default().into(),
            note.into(),
        ]);
    }
    table.render(
        printer,
        "There are no schedules; add one: circle schedule add SERVICE NAME --cron \"0 3 * * *\"",
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::table;
    use crate::paint::Paint;
    use crate::printer::Printer;

    #[test]
    fn schedules_say_where_they_are_from_and_when_they_run() {
        let schedules = json!([
            {"id": "sch_00000000000000000000000000000001", "name": "0 3 * * * Asia/Shanghai", "from": "file", "cron": "0 3 * * *",
                "zone": "Asia/Shanghai", "next": ["2026-01-02T19:00:00Z", "2026-01-03T19:00:00Z"], "created_at": "2026-01-01T00:00:00Z",
                "last": {"due": "2026-01-01T19:00:00Z", "delivery": "dlv_00000000000000000000000000000001"}},
            {"id": "sch_00000000000000000000000000000002", "name": "hourly", "from": "service", "cron": "0 * * * *", "zone": "UTC",
                "branch": "next", "inputs": {"place": "qa"}, "next": ["2026-01-02T04:00:00Z"], "created_at": "2026-01-01T00:00:00Z",
                "left_out": {"due": "2026-01-02T03:00:00Z", "why": "run 7 of 2026-01-02T02:00:00Z has not ended"}},
            {"id": "sch_00000000000000000000000000000003", "name": "old", "from": "service", "cron": "0 0 1 * *", "zone": "UTC",
                "next": [], "paused_by": "mia", "created_at": "2026-01-01T00:00:00Z"},
        ]);
        let schedules: Vec<_> = serde_json::from_value(schedules).expect("schedules");
        let printer = Printer {
            paint: Paint::off(),
            json: false,
            width: None,
        };
        insta::assert_snapshot!(table(&schedules, &printer));
    }
}
