//! Rules that an earlier one always wins against.

use crate::pipeline::code::Code;
use crate::pipeline::report::Report;
use crate::pipeline::tree::{Patterns, PipelineFile, TriggerRule};

pub(super) fn check(report: &Report<'_>, file: &PipelineFile) {
    let rules = file.triggers.as_deref().unwrap_or_default();
    for (at, rule) in rules.iter().enumerate() {
        if let Some(winner) = rules[..at].iter().find(|earlier| covers(earlier, rule)) {
            let message = format!(
                "this rule is never reached: the one on line {} always matches first",
                winner.span.start.line
            );
            report.warning(
                Code::UnreachableTrigger,
                rule.span,
                message,
                "put the narrower rule first",
            );
        }
    }
}

fn covers(earlier: &TriggerRule, later: &TriggerRule) -> bool {
    earlier.event == later.event
        && earlier.timing == later.timing
        && wider(earlier.branches.as_ref(), later.branches.as_ref())
        && wider(earlier.tags.as_ref(), later.tags.as_ref())
        && wider(earlier.into.as_ref(), later.into.as_ref())
        && wider(earlier.paths.as_ref(), later.paths.as_ref())
}

/// Whether the first certainly matches whatever the second matches.
fn wider(first: Option<&Patterns>, second: Option<&Patterns>) -> bool {
    let everything = |patterns: &Patterns| {
        patterns.0.iter().any(|one| matches!(one.as_str(), "*" | "**"))
            && patterns.0.iter().all(|one| !one.starts_with('!'))
    };
    match (first, second) {
        (None, _) => true,
        (Some(first), _) if everything(first) => true,
        (Some(_), None) => false,
        (Some(first), Some(second)) => first == second || includes(first, second),
    }
}

/// Without exceptions in the first, each pattern of the second standing in the first is enough.
fn includes(first: &Patterns, second: &Patterns) -> bool {
    let plain = |patterns: &Patterns| patterns.0.iter().all(|one| !one.starts_with('!'));
    plain(first) && plain(second) && second.0.iter().all(|one| first.0.contains(one))
}
