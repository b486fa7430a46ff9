//! The pure function from file, trigger and policy to a plan.

use super::planner_order::{Step, Wanted, order};
use super::planner_policy::{Policy, check_policy};
use super::planner_rules::choose;
use super::planner_stages::{deploys, stage};
use super::planner_variables::check_variables;
use super::{Concurrency, Plan};
use crate::pipeline::{Code, Diagnostic, PipelineFile, RUN_TIMEOUT_S, Report, SILENCE_S, Span};
use crate::trigger::{Event, Trigger, Trust};

/// Decides what a run of this trigger does.
///
/// The first rule of `triggers` that matches wins; without `triggers`, pushes, tags and manual runs do everything, and
/// pull requests do integration, pre_build and build without a push. A stranger's run gets no secrets, no caches, no push,
/// no post_build and no deploy, whatever the file says; what was left out stands in the plan's warnings.
///
/// # Errors
/// Everything that the policy refuses, each at its place in the file; or one finding with [`Code::NoTriggerMatches`] when
/// nothing is to run, which [`is_skip`] recognises.
pub fn plan(file: &PipelineFile, trigger: &Trigger, policy: &Policy) -> Result<Plan, Vec<Diagnostic>> {
    let report = Report::new(&file.source);
    let Some(rule) = choose(file, trigger) else {
        let message = format!("no rule of `triggers` matches this {}", said(&trigger.event));
        report.error_help(
            Code::NoTriggerMatches,
            Span::START,
            message,
            "nothing runs; add a rule if something should",
        );
        return Err(report.finish());
    };
    let wanted = Wanted::new(file, &rule, trigger, policy);
    let steps = order(file, &wanted);
    if steps.len() == 1 && wanted.withheld.is_empty() {
        let message = format!(
            "the rule that matches this {} leaves nothing to do",
            said(&trigger.event)
        );
        report.error_help(Code::NothingToDo, rule.span, message, "name other `stages` in it");
    }
    let stages: Vec<_> = steps.iter().map(|step| stage(file, step, &wanted)).collect();
    check_policy(&report, file, (&steps, &stages), (&wanted, &trigger.event), policy);
    check_variables(&report, file, &steps, trigger);
    if report.has_errors() {
        return Err(report.finish());
    }
    Ok(Plan {
        stages,
        deploys: if wanted.deploy {
            deploys(file, policy)
        } else {
            Vec::new()
        },
        timeout_s: RUN_TIMEOUT_S,
        silence_s: SILENCE_S,
        concurrency: concurrency(file, &trigger.event),
        warnings: warnings(file, trigger, &wanted, &steps),
    })
}

/// Whether [`plan`] said that nothing is to run, which is no failure.
pub fn is_skip(findings: &[Diagnostic]) -> bool {
    findings.iter().any(|one| one.code == Code::NoTriggerMatches)
}

fn said(event: &Event) -> String {
    match event {
        Event::Push { branch } => format!("push of `{branch}`"),
        Event::Tag { tag } => format!("tag `{tag}`"),
        Event::PullRequest { number, into, .. } => format!("pull request {number} into `{into}`"),
        Event::Manual { .. } => "manual run".to_owned(),
        Event::Schedule { name, .. } => format!("schedule `{name}`"),
    }
}

fn concurrency(file: &PipelineFile, event: &Event) -> Concurrency {
    match event {
        Event::PullRequest { .. } => file.concurrency.pull_request,
        Event::Tag { .. } | Event::Manual { tag: Some(_), .. } => file.concurrency.tag,
        Event::Push { .. } | Event::Schedule { .. } | Event::Manual { tag: None, .. } => file.concurrency.branch,
    }
}

fn warnings(file: &PipelineFile, trigger: &Trigger, wanted: &Wanted, steps: &[Step<'_>]) -> Vec<String> {
    let mut warnings: Vec<String> = file
        .warnings
        .iter()
        .map(|one| format!("line {}: {}", one.line, one.message))
        .collect();
    warnings.extend(wanted.withheld.iter().map(|one| (*one).to_owned()));
    let without_secrets = trigger.trust == Trust::Stranger && steps.iter().any(|step| step.asks_for_secrets(file));
    if without_secrets {
        warnings.push(
            "this run gets no secrets and no caches, because its code comes from outside the workspace".to_owned(),
        );
    }
    warnings
}
