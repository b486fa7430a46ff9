//! `circle show`: one run with its stages, images and deployments.

use circle_api::resources::{
    DeploymentView, ImageView, RerunLink, RootView, RunView, StageView, StageWord, WaitingReason,
};
use clap::Args;

use crate::context::Context;
use crate::exit::Exit;
use crate::paint::Tone;
use crate::printer::Printer;
use crate::progress::{Detail, follow, verdict_line};
use crate::run_ref::RunRef;
use crate::text::{Cell, Table, duration, safe_line, size};

/// Show one run
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// service/number, a run id, or a service for its newest run
    run: RunRef,
    /// Tell what changes, to the end; the exit code is the run's verdict
    #[arg(long)]
    watch: bool,
}

pub(crate) async fn show(context: &Context, args: ShowArgs) -> anyhow::Result<Exit> {
    let session = context.session()?;
    if args.watch {
        let run = args.run.id(&session.client, &session.workspace).await?;
        return follow(&session.client, run, &context.printer, (Detail::Stages, Vec::new())).await;
    }
    let view = args.run.view(&session.client, &session.workspace).await?;
    context.printer.show(&view, |printer| text(&view, printer))?;
    Ok(Exit::Ok)
}

fn text(view: &RunView, printer: &Printer) -> String {
    let mut parts = vec![head(view, printer), stages(&view.stages, printer)];
    if !view.images.is_empty() {
        parts.push(images(&view.images, printer));
    }
    parts.extend(
        view.deployments
            .iter()
            .map(|deployment| deployment_text(deployment, printer)),
    );
    parts.extend(
        view.warnings
            .iter()
            .map(|warning| printer.paint.tone(Tone::Warn, &format!("warning: {warning}"))),
    );
    parts.join("\n\n")
}

fn head(view: &RunView, printer: &Printer) -> String {
    let run = &view.run;
    let name = printer
        .paint
        .tone(Tone::Strong, &format!("{} #{}", run.service_name, run.number));
    let commit = run.commit.as_deref().unwrap_or("(not resolved yet)");
    let title = run.title.as_ref().map(|title| safe_line(title.as_bytes(), false));
    let mut lines = vec![
        format!("{name}  {}", verdict_line(view, printer.paint)),
        format!("id        {}", run.id),
        format!("ref       {}  {commit}", run.git_ref),
    ];
    lines.extend(title.map(|title| format!("title     {title}")));
    lines.push(format!("asked by  {} ({}) at {}", run.actor, run.event, run.created_at));
    let reason = run.reason.as_ref().map(|reason| safe_line(reason.as_bytes(), false));
    lines.extend(reason.map(|reason| format!("because   {reason}")));
    let value = |text: &str| safe_line(text.as_bytes(), false);
    lines.extend(
        view.inputs
            .iter()
            .map(|(name, text)| format!("input     {name} = {}", value(text))),
    );
    lines.push(format!("page      {}", view.url));
    lines.extend(view.waiting.iter().flat_map(waits));
    lines.extend(view.root.iter().map(|root| format!("root      {}", rooted(root))));
    lines.extend(view.rerun_of.iter().map(|link| format!("repeats   {}", linked(link))));
    lines.extend(view.reruns.iter().map(|link| format!("repeated  by {}", linked(link))));
    lines.join("\n")
}

fn waits(waiting: &WaitingReason) -> Vec<String> {
    let mut lines = vec![format!("waits     {}", waiting.sentence)];
    lines.extend(waiting.place.map(|place| format!("place     {place}")));
    let in_ms = waiting.estimate_s.map(|seconds| seconds.saturating_mul(1000));
    lines.extend(in_ms.map(|ms| format!("starts    in about {}", duration(ms))));
    lines.extend(waiting.times_out_at.map(|at| format!("gives up  at {at}")));
    lines
}

fn rooted(root: &RootView) -> String {
    let generation = if root.generation == 0 {
        String::new()
    } else {
        format!(", generation {}", root.generation)
    };
    let warm = if root.warm { ", in a cell that stood ready" } else { "" };
    format!("{}{generation}{warm}", root.name)
}

fn linked(link: &RerunLink) -> String {
    match &link.from_stage {
        Some(stage) => format!("{} from {stage}", link.run),
        None => link.run.to_string(),
    }
}

fn stages(stages: &[StageView], printer: &Printer) -> String {
    let mut table = Table::new(&[
        "STAGE", "STATE", "TOOK", "QUEUE", "CELL", "PULL", "START", "RUN", "COPY OUT", "NOTE",
    ]);
    for stage in stages {
        let phases = &stage.phases;
        let mut row = vec![
            Cell::from(&stage.name),
            Cell::toned(stage.state.word(), tone(stage.state)),
            stage.duration_ms.map(duration).unwrap_or_default().into(),
        ];
        let times = [
            phases.queue_ms,
            phases.cell_ms,
            phases.pull_ms,
            phases.start_ms,
            phases.run_ms,
            phases.copy_out_ms,
        ];
        row.extend(times.map(|ms| if ms == 0 { Cell::from("") } else { duration(ms).into() }));
        row.push(note(stage).into());
        table.row(row);
    }
    table.render(printer, "No stages: the pipeline was not planned.")
}

fn note(stage: &StageView) -> String {
    let mut notes = Vec::new();
    notes.extend(stage.failure.as_ref().map(|failure| failure.message.clone()));
    notes.extend((stage.tries > 1).then(|| format!("{} tries", stage.tries)));
    notes.extend(stage.reused.then(|| "taken over".to_owned()));
    notes.join("; ")
}

fn tone(state: StageWord) -> Tone {
    match state {
        StageWord::Waiting | StageWord::NotRun => Tone::Dim,
        StageWord::Running => Tone::Busy,
        StageWord::Succeeded => Tone::Good,
        StageWord::Failed => Tone::Bad,
        StageWord::Cancelled => Tone::Warn,
    }
}

fn images(images: &[ImageView], printer: &Printer) -> String {
    let mut table = Table::new(&["IMAGE", "REPOSITORY", "TAGS", "SIZE", "DIGEST"]);
    for image in images {
        table.row([
            Cell::from(&image.name),
            image.repository.as_deref().unwrap_or("(not pushed)").into(),
            image.tags.join(" ").into(),
            size(image.bytes).into(),
            image.digest.as_deref().unwrap_or_default().into(),
        ]);
    }
    table.render(printer, "")
}

fn deployment_text(deployment: &DeploymentView, printer: &Printer) -> String {
    let title = format!("{}: {}", deployment.environment, deployment.state.replace('_', " "));
    let mut lines = vec![printer.paint.tone(Tone::Strong, &title)];
    lines.push(format!("workload  {}", deployment.workload));
    lines.push(format!(
        "before    {}",
        deployment.before_digest.as_deref().unwrap_or("nothing")
    ));
    lines.push(format!("after     {}", deployment.after_digest));
    lines.extend(deployment.url.as_ref().map(|url| format!("serves    {url}")));
    lines.extend(
        deployment
            .failure
            .as_ref()
            .map(|failure| format!("failure   {}", failure.message)),
    );
    lines.extend(
        deployment
            .events
            .iter()
            .map(|event| format!("  {}  {}", event.at, event.message)),
    );
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::text;
    use crate::paint::Paint;
    use crate::printer::Printer;
    use circle_api::resources::RunView;
    use serde_json::json;

    fn view() -> RunView {
        let phases =
            json!({"queue_ms": 40, "cell_ms": 12, "pull_ms": 0, "start_ms": 5, "run_ms": 900, "copy_out_ms": 0});
        let none = json!({"queue_ms": 0, "cell_ms": 0, "pull_ms": 0, "start_ms": 0, "run_ms": 0, "copy_out_ms": 0});
        let view = json!({
            "run": {"id": "run_00000000000000000000000000000007", "service": "svc_00000000000000000000000000000002",
                "service_name": "web", "number": 12, "state": "failed", "event": "push", "ref": "refs/heads/main",
                "commit": "0123456789abcdef0123456789abcdef01234567", "title": "Mend the door", "actor": "alice",
                "message": "web never became healthy", "created_at": "2026-01-02T03:04:05Z", "duration_ms": 61_000},
            "url": "http://localhost/runs/7", "workspace": "ws_00000000000000000000000000000001",
            "verdict": {"verdict": "failed", "failure": {"kind": "deploy", "message": "web never became healthy"}},
            "stages": [
                {"name": "checkout", "kind": "checkout", "state": "succeeded", "tries": 1, "phases": phases, "duration_ms": 957},
                {"name": "build", "kind": "build", "state": "succeeded", "tries": 2, "phases": phases, "duration_ms": 957},
                {"name": "post_build", "kind": "post_build", "state": "not_run", "tries": 0, "phases": none},
            ],
            "images": [{"name": "default", "repository": "r.example/web", "digest": "sha256:bb", "tags": ["1", "2"],
                "bytes": 1_234_567}],
            "deployments": [{"id": "dep_00000000000000000000000000000001", "run": "run_00000000000000000000000000000007",
                "run_number": 12, "service": "svc_00000000000000000000000000000002", "service_name": "web",
                "environment": "staging", "workload": "web", "state": "rolled_back", "image": "r.example/web@sha256:bb",
                "before_digest": "sha256:aa", "after_digest": "sha256:bb",
                "failure": {"kind": "deploy", "message": "web never became healthy"},
                "events": [{"at": "2026-01-02T03:04:50Z", "message": "1 of 1 tasks is unhealthy"}],
                "created_at": "2026-01-02T03:04:40Z", "ended_at": "2026-01-02T03:05:06Z"}],
            "root": {"name": "refs/heads/main", "generation": 4, "warm": true},
            "warnings": ["`build.foo` is not used"], "reruns": [], "updated_at": "2026-01-02T03:05:06Z",
            "inputs": {"version": "1.2\u{1b}[2J", "dry_run": "true"},
            "rerun_of": {"run": "run_00000000000000000000000000000006", "from_stage": "build"}
        });
        serde_json::from_value(view).expect("a view")
    }

    fn printer() -> Printer {
        Printer {
            paint: Paint::off(),
            json: false,
            width: None,
        }
    }

    #[test]
    fn a_run_is_shown_whole() {
        insta::assert_snapshot!(text(&view(), &printer()));
    }

    #[test]
    fn a_waiting_run_says_why_where_and_how_long() {
        let mut view = view();
        view.waiting = serde_json::from_value(json!({
            "sentence": "2 runs are ahead; all 4 cells are busy", "place": 3, "estimate_s": 250,
            "times_out_at": "2026-01-02T05:04:05Z"
        }))
        .expect("a reason");
        let shown = text(&view, &printer());
        let lines: Vec<&str> = shown
            .lines()
            .skip_while(|line| !line.starts_with("waits"))
            .take(4)
            .collect();
        assert_eq!(
            lines,
            [
                "waits     2 runs are ahead; all 4 cells are busy",
                "place     3",
                "starts    in about 4 min 10 s",
                "gives up  at 2026-01-02T05:04:05Z"
            ]
        );
    }
}
