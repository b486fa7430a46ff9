//! The order of stages in words.

use super::planner_order::{Step, Wanted, order};
use super::planner_policy::Policy;
use super::planner_rules::default_rules;
use super::planner_stages::deploys;
use crate::pipeline::{EventWord, Patterns, PipelineFile, TriggerRule};

/// One line for each rule: what it matches, and the stages in order. Trust and policy, which may take from it, are not
/// known here.
pub fn explain(file: &PipelineFile) -> Vec<String> {
    let defaults;
    let rules = match &file.triggers {
        Some(rules) => rules,
        None => {
            defaults = default_rules();
            &defaults
        }
    };
    rules
        .iter()
        .map(|rule| format!("{}: {}", condition(rule), stages(file, rule)))
        .collect()
}

fn condition(rule: &TriggerRule) -> String {
    let event = match rule.event {
        EventWord::Push => "push",
        EventWord::Tag => "tag",
        EventWord::PullRequest => "pull_request",
        EventWord::Manual => "manual",
        EventWord::Schedule => "schedule",
    };
    let mut words = vec![event.to_owned()];
    words.extend(rule.timing.as_ref().map(|timing| format!("at {}", timing.said())));
    let mut add = |what: &str, patterns: &Option<Patterns>| {
        words.extend(
            patterns
                .iter()
                .map(|patterns| format!("{what} {}", patterns.0.join(", "))),
        );
    };
    add("of", &rule.branches);
    add("of", &rule.tags);
    add("into", &rule.into);
    add("touching", &rule.paths);
    words.join(" ")
}

fn stages(file: &PipelineFile, rule: &TriggerRule) -> String {
    let wanted = Wanted::unhindered(file, rule);
    let mut words: Vec<String> = order(file, &wanted).iter().map(|step| said(file, step)).collect();
    if wanted.deploy {
        let steps = deploys(file, &Policy::default());
        words.push(match file.deploy {
            Some(_) => format!(
                "deploy {}",
                steps
                    .iter()
                    .map(|step| step.environment.as_str())
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
            None => "deploy as the server's bindings say".to_owned(),
        });
    }
    words.join(" → ")
}

fn said(file: &PipelineFile, step: &Step<'_>) -> String {
    let name = step.name();
    let beside: Vec<&str> = match step {
        Step::Integration(_) => file.sidecars().map(|sidecar| sidecar.name.value.as_str()).collect(),
        _ => Vec::new(),
    };
    let images: Vec<&str> = match step {
        Step::Build => file
            .images()
            .map(|image| image.name.value.as_str())
            .filter(|name| *name != "default")
            .collect(),
        _ => Vec::new(),
    };
    match (beside.is_empty(), images.is_empty()) {
        (false, _) => format!("{name} (beside {})", beside.join(", ")),
        (_, false) => format!("{name} {}", images.join(", ")),
        _ => name,
    }
}
