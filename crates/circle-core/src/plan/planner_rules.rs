//! Which rule of `triggers` counts.

use crate::pipeline::{EventWord, PatternSet, Patterns, PipelineFile, Span, Spanned, StageName, StageSet, TriggerRule};
use crate::trigger::{Event, Trigger};

/// The first rule that matches; the default rules when the file has none. A manual run plans like a push of its ref, unless
/// the file has rules for manual runs: then these alone count.
pub(super) fn choose(file: &PipelineFile, trigger: &Trigger) -> Option<TriggerRule> {
    match &file.triggers {
        Some(rules) => {
            let by_hand = matches!(trigger.event, Event::Manual { .. }) && rules.iter().any(is_manual);
            rules
                .iter()
                .find(|rule| (!by_hand || is_manual(rule)) && matches(rule, trigger))
                .cloned()
        }
        None => default_rules().into_iter().find(|rule| matches(rule, trigger)),
    }
}

/// What counts without `triggers`.
pub(super) fn default_rules() -> Vec<TriggerRule> {
    let rule = |event, stages, push_never| TriggerRule {
        span: Span::START,
        event,
        branches: None,
        tags: None,
        into: None,
        paths: None,
        timing: None,
        stages,
        push_never,
    };
    let tested =
        [StageName::Integration, StageName::PreBuild, StageName::Build].map(|stage| Spanned::new(stage, Span::START));
    vec![
        rule(EventWord::PullRequest, StageSet::Only(tested.into()), Some(Span::START)),
        rule(EventWord::Push, StageSet::All, None),
        rule(EventWord::Tag, StageSet::All, None),
    ]
}

fn is_manual(rule: &TriggerRule) -> bool {
    rule.event == EventWord::Manual
}

fn matches(rule: &TriggerRule, trigger: &Trigger) -> bool {
    let names = |patterns: &Option<Patterns>, name: Option<&str>| admits(patterns, name);
    let branch_and_tag =
        |branch: Option<&str>, tag: Option<&str>| names(&rule.branches, branch) && names(&rule.tags, tag);
    let found = match (rule.event, &trigger.event) {
        (EventWord::Push, Event::Push { branch }) => names(&rule.branches, Some(branch.as_str())),
        (EventWord::Tag, Event::Tag { tag }) => names(&rule.tags, Some(tag.as_str())),
        (EventWord::PullRequest, Event::PullRequest { into, .. }) => names(&rule.into, Some(into.as_str())),

        (EventWord::Manual, Event::Manual { branch, tag, .. }) => branch_and_tag(
            branch.as_ref().map(|name| name.as_str()),
            tag.as_ref().map(|name| name.as_str()),
        ),
        (EventWord::Push, Event::Manual { branch, tag: None, .. }) => {
            names(&rule.branches, branch.as_ref().map(|name| name.as_str()))
        }
        (EventWord::Schedule, Event::Schedule { rule: wanted, .. }) => wanted.is_some() && rule.timing == *wanted,
        (EventWord::Push, Event::Schedule { branch, rule: None, .. }) => names(&rule.branches, Some(branch.as_str())),
        (EventWord::Tag, Event::Manual { tag: Some(tag), .. }) => names(&rule.tags, Some(tag.as_str())),
        _ => false,
    };
    found && changed(rule, trigger)
}

/// No patterns admit everything; patterns admit no missing name.
fn admits(patterns: &Option<Patterns>, name: Option<&str>) -> bool {
    let Some(patterns) = patterns else { return true };
    let set = PatternSet::of_names(patterns.0.iter().map(String::as_str));
    name.is_some_and(|name| set.is_ok_and(|set| set.matches(name)))
}

/// Unknown paths match, so that nothing is missed for want of knowledge; so do manual runs, which change nothing.
fn changed(rule: &TriggerRule, trigger: &Trigger) -> bool {
    let (Some(patterns), Some(paths)) = (&rule.paths, &trigger.changed_paths) else {
        return true;
    };
    if matches!(trigger.event, Event::Manual { .. }) {
        return true;
    }
    let set = PatternSet::of_paths(patterns.0.iter().map(String::as_str));
    set.is_ok_and(|set| paths.iter().any(|path| set.matches(path)))
}
