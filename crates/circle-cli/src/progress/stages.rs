//! Single lines about runs, stages and deployments.

use circle_api::resources::{DeploymentView, PhasesView, RunState, RunSummary, RunView, StageView, StageWord};

use crate::paint::{Paint, Tone};
use crate::text::{Cell, duration};

/// `web #12 · main · 0123456789ab · Mend the door · by alice`.
pub(super) fn headline(run: &RunSummary, paint: Paint) -> String {
    let mut parts = vec![paint.tone(Tone::Strong, &format!("{} #{}", run.service_name, run.number))];
    parts.push(short_ref(&run.git_ref).to_owned());
    parts.extend(run.commit.as_deref().map(|commit| commit.chars().take(12).collect()));
    parts.extend(
        run.title
            .as_deref()
            .map(|title| crate::text::safe_line(title.as_bytes(), false)),
    );
    parts.push(format!("by {}", run.actor));
    parts.join(" · ")
}

/// `▸ build`: a stage begins.
pub(super) fn stage_head(stage: &str, paint: Paint) -> String {
    format!("{} {stage}", paint.tone(Tone::Busy, "▸"))
}

/// `✓ build  12.3 s  (pull 1.2 s, run 11.0 s)`, or why it failed.
pub(super) fn stage_line(stage: &StageView, paint: Paint) -> String {
    let took = stage.duration_ms.map(duration).unwrap_or_default();
    let (mark, tone, rest) = match stage.state {
        StageWord::Succeeded if stage.reused => ("✓", Tone::Good, "taken over from the run before".to_owned()),
        StageWord::Succeeded => ("✓", Tone::Good, phases(&stage.phases)),
        StageWord::Failed => (
            "✗",
            Tone::Bad,
            stage.failure.as_ref().map(|f| f.message.clone()).unwrap_or_default(),
        ),
        StageWord::Cancelled => ("■", Tone::Warn, "cancelled".into()),
        StageWord::NotRun => ("·", Tone::Dim, "not run".into()),
        StageWord::Running if stage.tries > 1 => ("▸", Tone::Busy, format!("try {}", stage.tries)),
        StageWord::Running => ("▸", Tone::Busy, String::new()),
        StageWord::Waiting => ("·", Tone::Dim, "waiting".into()),
    };
    let parts = [stage.name.clone(), took, paint.tone(Tone::Dim, &rest)];
    let shown: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    format!("{} {}", paint.tone(tone, mark), shown.join("  "))
}

/// Only what took a tenth of a second and more.
pub(super) fn phases(phases: &PhasesView) -> String {
    let named = [
        ("queue", phases.queue_ms),
        ("cell", phases.cell_ms),
        ("pull", phases.pull_ms),
        ("start", phases.start_ms),
        ("run", phases.run_ms),
        ("copy out", phases.copy_out_ms),
    ];
    let long = named
        .iter()
        .filter(|(_, ms)| *ms >= 100)
        .map(|(name, ms)| format!("{name} {}", duration(*ms)));
    let text = long.collect::<Vec<_>>().join(", ");
    if text.is_empty() { text } else { format!("({text})") }
}

/// `▸ staging: watching web`, with digests at the end.
pub(super) fn deployment_line(deployment: &DeploymentView, paint: Paint) -> String {
    let (mark, tone) = match deployment.state.as_str() {
        "succeeded" => ("✓", Tone::Good),
        "failed" => ("✗", Tone::Bad),
        "rolled_back" => ("↩", Tone::Bad),
        "cancelled" => ("■", Tone::Warn),
        _ => ("▸", Tone::Busy),
    };
    let state = deployment.state.replace('_', " ");
    let mut line = format!(
        "{} {}: {} {state}",
        paint.tone(tone, mark),
        deployment.environment,
        deployment.workload
    );
    if deployment.ended_at.is_some() {
        let before = deployment.before_digest.as_deref().map_or("nothing", short_digest);
        line.push_str(&format!("  {before} → {}", short_digest(&deployment.after_digest)));
    }
    if let Some(url) = &deployment.url {
        line.push_str(&format!("  {url}"));
    }
    if let Some(failure) = &deployment.failure {
        line.push_str(&format!("  {}", failure.message));
    }
    line
}

/// `failed after 23.4 s: …`.
pub(crate) fn verdict_line(view: &RunView, paint: Paint) -> String {
    let run = &view.run;
    let mut line = paint.tone(state_tone(run.state), run.state.word());
    if let Some(took) = run.duration_ms {
        line.push_str(&format!(" after {}", duration(took)));
    }
    if let Some(message) = &run.message {
        line.push_str(&format!(": {message}"));
    }
    line
}

/// The state's word in its colour.
pub(crate) fn state_cell(run: &RunSummary) -> Cell {
    let word = if run.cancelling { "cancelling" } else { run.state.word() };
    Cell::toned(word, state_tone(run.state))
}

fn state_tone(state: RunState) -> Tone {
    match state {
        RunState::Queued | RunState::Skipped => Tone::Dim,
        RunState::Running | RunState::Deploying => Tone::Busy,
        RunState::Succeeded => Tone::Good,
        RunState::Failed => Tone::Bad,
        RunState::Cancelled => Tone::Warn,
    }
}

/// A branch or tag without its `refs/…/`.
pub(super) fn short_ref(full: &str) -> &str {
    full.strip_prefix("refs/heads/")
        .or_else(|| full.strip_prefix("refs/tags/"))
        .unwrap_or(full)
}

/// `sha256:` and twelve digits.
fn short_digest(digest: &str) -> &str {
    digest.get(..19).unwrap_or(digest)
}
