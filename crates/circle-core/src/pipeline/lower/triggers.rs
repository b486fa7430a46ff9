//! `triggers` and `concurrency`.

use super::fields::Fields;
use super::scalar::{choice, list, written, wrong_type};
use crate::pipeline::code::Code;
use crate::pipeline::keys::{CONCURRENCY, TRIGGER};
use crate::pipeline::report::{Report, quote};
use crate::pipeline::source::Spanned;
use crate::pipeline::tree::{ConcurrencyRules, EventWord, Patterns, StageName, StageSet, TriggerRule};
use crate::pipeline::value::PatternSet;
use crate::pipeline::yaml::{Entry, Node, Value};
use crate::plan::Concurrency;

/// Lowers the list.
pub(super) fn triggers(report: &Report<'_>, entry: &Entry) -> Vec<TriggerRule> {
    let Value::List(_) = &entry.value.value else {
        wrong_type(
            report,
            &entry.value,
            "triggers",
            "a list",
            "write a list of rules: - {event: push}",
        );
        return Vec::new();
    };
    if entry.value.is_empty_list() {
        let help = "remove it: then pushes, tags and pull requests run by default rules";
        report.error_help(
            Code::NothingToDo,
            entry.key.span,
            "`triggers` is empty, so nothing would ever run",
            help,
        );
    }
    list(report, &entry.value, "triggers", |node| rule(report, node))
}

fn rule(report: &Report<'_>, node: &Node) -> Option<TriggerRule> {
    let fields = Fields::read(report, node, &TRIGGER)?;
    fields.require(report, "event", node.span);
    let stages = fields
        .get(report, "stages")
        .and_then(|node| stages(report, node))
        .unwrap_or(StageSet::All);
    let push_never = fields
        .get(report, "push")
        .filter(|node| choice(report, node, "push", &[("auto", false), ("never", true)]) == Some(true));
    let names = |name| {
        fields
            .get(report, name)
            .map(|node| patterns(report, node, name, PatternSet::of_names))
    };
    let (branches, tags, into) = (names("branches"), names("tags"), names("into"));
    let paths = fields
        .get(report, "paths")
        .map(|node| patterns(report, node, "paths", PatternSet::of_paths));
    let event = event(report, fields.get(report, "event")?)?;
    misplaced(report, &fields, event);
    Some(TriggerRule {
        span: node.span,
        event,
        branches,
        tags,
        into,
        paths,
        stages,
        push_never: push_never.map(|node| node.span),
    })
}

fn event(report: &Report<'_>, node: &Node) -> Option<EventWord> {
    let words = [
        ("push", Some(EventWord::Push)),
        ("tag", Some(EventWord::Tag)),
        ("pull_request", Some(EventWord::PullRequest)),
        ("manual", Some(EventWord::Manual)),
        ("schedule", None),
    ];
    let event = choice(report, node, "event", &words)?;
    if event.is_none() {
        let message = "not yet: `event: schedule`: runs are not started by the clock in this version; use the API";
        report.error(Code::NotYet, node.span, message);
    }
    event
}

/// A pattern that the event never asks would be silently without effect.
fn misplaced(report: &Report<'_>, fields: &Fields<'_>, event: EventWord) {
    let refused: &[(&'static str, &str)] = match event {
        EventWord::Push => &[
            ("tags", "a tag matches by `event: tag` only"),
            ("into", "`into` belongs to `event: pull_request`"),
        ],
        EventWord::Tag => &[
            ("branches", "a tag lies on no branch: write `tags`"),
            ("into", "`into` belongs to `event: pull_request`"),
            ("paths", "a tag changes no files: remove it"),
        ],
        EventWord::PullRequest => &[
            ("tags", "a tag matches by `event: tag` only"),
            (
                "branches",
                "a pull request is chosen by the branch that it wants to change: write `into`",
            ),
        ],
        EventWord::Manual => &[
            ("into", "`into` belongs to `event: pull_request`"),
            ("paths", "a manual run changes no files: remove it"),
        ],
    };
    for (name, help) in refused {
        if let Some(entry) = fields.first_of(&[name]) {
            report.error_help(
                Code::ConflictingKeys,
                entry.key.span,
                format!("`{name}` has no meaning for this event"),
                *help,
            );
        }
    }
}

fn patterns<'n>(
    report: &Report<'_>,
    node: &'n Node,
    what: &str,
    compile: fn([&'n str; 1]) -> Result<PatternSet, String>,
) -> Patterns {
    let found: Vec<Spanned<&'n str>> = list(report, node, what, |item| {
        written(report, item, what)?;
        match &item.value {
            Value::Scalar(scalar) => Some(Spanned::new(scalar.text.as_str(), item.span)),
            Value::List(_) | Value::Map(_) => None,
        }
    });
    if node.is_empty_list() {
        let help = "remove it: then everything matches";
        report.error_help(
            Code::NothingToDo,
            node.span,
            format!("`{what}` is empty, so the rule would never match"),
            help,
        );
    }
    for pattern in &found {
        if let Err(why) = compile([pattern.value]) {
            report.error(
                Code::BadPattern,
                pattern.span,
                format!("`{what}` does not take {}: {why}", quote(pattern.value)),
            );
        }
    }
    Patterns(found.into_iter().map(|pattern| pattern.value.to_owned()).collect())
}

fn stages(report: &Report<'_>, node: &Node) -> Option<StageSet> {
    if let Value::Scalar(_) = &node.value {
        return choice(report, node, "stages", &[("all", ())]).map(|()| StageSet::All);
    }
    let mut taken: Vec<Spanned<StageName>> = Vec::new();
    for stage in list(report, node, "stages", |item| {
        choice(report, item, "stages", &StageName::ALL).map(|stage| Spanned::new(stage, item.span))
    }) {
        if taken.iter().any(|other| other.value == stage.value) {
            report.error(
                Code::Duplicate,
                stage.span,
                format!("the stage `{}` is named twice", stage.value.word()),
            );
        } else {
            taken.push(stage);
        }
    }
    if node.is_empty_list() {
        report.error_help(
            Code::NothingToDo,
            node.span,
            "`stages` is empty, so the rule would do nothing",
            "write `stages: all`, or name some",
        );
    }
    Some(StageSet::Only(taken))
}

/// Lowers the map; what is missing keeps its default.
pub(super) fn concurrency(report: &Report<'_>, node: &Node) -> ConcurrencyRules {
    let defaults = ConcurrencyRules::default();
    let Some(fields) = Fields::read(report, node, &CONCURRENCY) else {
        return defaults;
    };
    let words = [
        ("queue", Concurrency::Queue),
        ("cancel_running", Concurrency::CancelRunning),
        ("parallel", Concurrency::Parallel),
    ];
    let get = |name, default| {
        fields
            .get(report, name)
            .and_then(|node| choice(report, node, name, &words))
            .unwrap_or(default)
    };
    ConcurrencyRules {
        pull_request: get("pull_request", defaults.pull_request),
        branch: get("branch", defaults.branch),
        tag: get("tag", defaults.tag),
    }
}
