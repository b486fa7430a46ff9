//! Follows a run to its end and tells what happens.

use std::time::Duration;

use circle_api::client::{Client, FollowWish, LiveEvent};
use circle_api::worker::frames::Mark;
use circle_core::ids::RunId;
use serde_json::{Value, json};

use super::story::Story;
use crate::exit::Exit;
use crate::printer::Printer;
use crate::signals::Signals;

/// A log that says nothing for so long has told all that came before the run's last state: a line needs a fraction of it.
const QUIET: Duration = Duration::from_millis(300);

/// How much of the log is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Detail {
    /// Stages only.
    Stages,
    /// Commands as one line each, and the last lines of one that failed.
    Groups,
    /// Every line.
    Lines,
}

/// Tells a run to its end; gives the code of its verdict. Ctrl-C ends the telling, not the run.
pub(crate) async fn follow(
    client: &Client,
    run: RunId,
    printer: &Printer,
    (detail, stages): (Detail, Vec<String>),
) -> anyhow::Result<Exit> {
    let wish = FollowWish {
        logs: detail > Detail::Stages,
        stages,
        from: Vec::new(),
    };
    let mut live = client.follow(run, wish);
    let mut signals = Signals::new()?;
    let mut story = Story::new(printer.paint, detail);
    let mut exit = None;
    loop {
        let event = tokio::select! {
            event = live.next() => event?,
            () = tokio::time::sleep(QUIET), if story.is_holding() => {
                say(&story.release(), printer)?;
                continue;
            }
            () = signals.next() => return Ok(Exit::Cancelled),
        };
        let Some(event) = event else { break };
        if let LiveEvent::Run(view) = &event {
            exit = Exit::of_run(view.run.state);
        }
        tell(&event, &mut story, printer)?;
    }
    say(&story.end(), printer)?;
    Ok(exit.unwrap_or(Exit::Broken))
}

fn tell(event: &LiveEvent, story: &mut Story, printer: &Printer) -> anyhow::Result<()> {
    if printer.json {
        return printer.event(&as_json(event));
    }
    say(&story.take(event), printer)
}

fn say(lines: &[String], printer: &Printer) -> anyhow::Result<()> {
    lines.iter().try_for_each(|line| printer.say(line))
}

/// One event for programs; output that is no UTF-8 is shown as far as it is.
fn as_json(event: &LiveEvent) -> Value {
    match event {
        LiveEvent::Run(view) => json!({"event": "run", "run": view}),
        LiveEvent::Log {
            stage,
            attempt,
            offset,
            bytes,
        } => {
            let text = String::from_utf8_lossy(bytes);
            json!({"event": "log", "stage": stage, "attempt": attempt, "offset": offset, "text": text})
        }
        LiveEvent::Mark {
            stage,
            attempt,
            offset,
            mark,
        } => {
            let mut event = mark_as_json(mark);
            event["stage"] = json!(stage);
            event["attempt"] = json!(attempt);
            event["offset"] = json!(offset);
            event
        }
        LiveEvent::Reconnecting { reason } => json!({"event": "reconnecting", "reason": reason}),
    }
}

fn mark_as_json(mark: &Mark) -> Value {
    match mark {
        Mark::Begin { group, title } => json!({"event": "begin", "group": group, "title": title}),
        Mark::End {
            group,
            exit_code,
            duration_ms,
        } => json!({"event": "end", "group": group, "exit_code": exit_code, "duration_ms": duration_ms}),
    }
}
