//! `triggers` and `concurrency`.

use super::fields::Fields;
use super::scalar::{choice, list, text, written, wrong_type};
use crate::pipeline::code::Code;
use crate::pipeline::keys::{CONCURRENCY, TRIGGER};
use crate::pipeline::report::{Report, quote};
use crate::pipeline::source::{Position, Span, Spanned};
use crate::pipeline::tree::{ConcurrencyRules, EventWord, Patterns, StageName, StageSet, TriggerRule};
use crate::pipeline::value::PatternSet;
use crate::pipeline::yaml::{Entry, Node, Value};
use crate::plan::Concurrency;
use crate::schedule::{DEFAULT_ZONE, MAX_SCHEDULES, Timing, TimingFault};

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
    let rules = list(report, &entry.value, "triggers", |node| rule(report, node));
    let schedules = rules.iter().filter(|rule| rule.timing.is_some()).count();
    if schedules > MAX_SCHEDULES {
        let message = format!("the file has {schedules} schedules; {MAX_SCHEDULES} are the most");
        report.error_help(
            Code::BadValue,
            entry.key.span,
            message,
            "a pattern can name several times: 0 3,15 * * *",
        );
    }
    rules
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
    let timing = match event {
        EventWord::Schedule => Some(timing(report, &fields, node.span)?),
        _ => None,
    };
    Some(TriggerRule {
        span: node.span,
        event,
        branches,
        tags,
        into,
        paths,
        timing,
        stages,
        push_never: push_never.map(|node| node.span),
    })
}

fn event(report: &Report<'_>, node: &Node) -> Option<EventWord> {
    let words = [
        ("push", EventWord::Push),
        ("tag", EventWord::Tag),
        ("pull_request", EventWord::PullRequest),
        ("manual", EventWord::Manual),
        ("schedule", EventWord::Schedule),
    ];
    choice(report, node, "event", &words)
}

/// When a rule is due, with the place of the field that is at fault.
fn timing(report: &Report<'_>, fields: &Fields<'_>, place: Span) -> Option<Timing> {
    fields.require(report, "cron", place);
    let node = fields.get(report, "cron")?;
    let cron = text(report, node, "cron")?;
    let zone = match fields.get(report, "zone") {
        Some(node) => text(report, node, "zone")?,
        None => Spanned::new(DEFAULT_ZONE.to_owned(), cron.span),
    };
    let timing = Timing {
        cron: cron.value,
        zone: zone.value,
    };
    match timing.clock() {
        Ok(_) => return Some(timing),
        Err(TimingFault::Cron { at, why }) => {
            let help =
                "five fields: minute, hour, day of the month, month, day of the week, such as \"0 3 * * MON-FRI\"";
            report.error_help(
                Code::BadValue,
                within(node, &timing.cron, at),
                format!("`cron` cannot be followed: {why}"),
                help,
            );
        }
        Err(fault @ TimingFault::Zone(_)) => report.error(Code::BadValue, zone.span, fault.to_string()),
    }
    None
}

/// From a byte of a text on, where it stands in one line as it is.
fn within(node: &Node, text: &str, at: usize) -> Span {
    let Value::Scalar(scalar) = &node.value else {
        return node.span;
    };
    let quote = u32::from(!scalar.plain);
    let chars = u32::try_from(text[..at].chars().count()).unwrap_or(0);
    let width = u32::try_from(text.chars().count()).unwrap_or(0) + 2 * quote;
    let Span { start, end } = node.span;
    if start.line != end.line || end.column != start.column + width {
        return node.span;
    }
    let column = start.column + quote + chars;
    Span {
        start: Position { column, ..start },
        end: Position {
            column: end.column - quote,
            ..end
        },
    }
}

/// A pattern that the event never asks would be silently without effect.
fn misplaced(report: &Report<'_>, fields: &Fields<'_>, event: EventWord) {
    const CLOCK: [(&str, &str); 2] = [
        ("cron", "`cron` belongs to `event: schedule`"),
        ("zone", "`zone` belongs to `event: schedule`"),
    ];
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
        EventWord::Schedule => &[
            (
                "branches",
                "a schedule is of the default branch; others have `circle schedule add --branch`",
            ),
            ("tags", "a schedule is of the default branch: remove it"),
            ("into", "`into` belongs to `event: pull_request`"),
            ("paths", "a schedule changes no files: remove it"),
        ],
    };
    let clock = CLOCK.iter().filter(|_| event != EventWord::Schedule);
    for (name, help) in refused.iter().chain(clock) {
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
