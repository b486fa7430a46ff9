//! `environment`, `args` and `labels`.

use super::scalar::{text, wrong_type};
use super::templates::template;
use crate::names::VariableName;
use crate::pipeline::code::Code;
use crate::pipeline::report::{Report, quote};
use crate::pipeline::source::{Span, Spanned};
use crate::pipeline::tree::Pair;
use crate::pipeline::yaml::{Node, Value};

/// A map, or a list of `NAME=value`.
pub(super) fn environment(report: &Report<'_>, node: &Node) -> Vec<Pair> {
    let pairs = match &node.value {
        Value::List(items) => items.iter().filter_map(|item| from_line(report, item)).collect(),
        _ => pairs(report, node, "environment"),
    };
    let mut taken: Vec<Pair> = Vec::with_capacity(pairs.len());
    for pair in pairs {
        if taken.iter().any(|other| other.name.value == pair.name.value) {
            let message = format!("the variable {} is set twice", quote(&pair.name.value));
            report.error_help(Code::Duplicate, pair.name.span, message, "remove one of them");
        } else if is_variable(report, &pair.name) {
            taken.push(pair);
        }
    }
    taken
}

/// A map of names to texts that may hold `${NAME}`.
pub(super) fn pairs(report: &Report<'_>, node: &Node, what: &str) -> Vec<Pair> {
    let Value::Map(entries) = &node.value else {
        wrong_type(report, node, what, "a map", "write `NAME: value` lines, indented");
        return Vec::new();
    };
    let pair = |entry: &crate::pipeline::yaml::Entry| {
        let value = template(report, &entry.value, &entry.key.value)?;
        Some(Pair {
            name: entry.key.clone(),
            value,
        })
    };
    entries.iter().filter_map(pair).collect()
}

fn from_line(report: &Report<'_>, node: &Node) -> Option<Pair> {
    let line = text(report, node, "environment")?;
    let Some((name, value)) = line.value.split_once('=') else {
        let message = format!("{} sets nothing", quote(&line.value));
        report.error_help(
            Code::BadValue,
            line.span,
            message,
            "write NAME=value; nothing is inherited from a host",
        );
        return None;
    };
    if let Err(error) = crate::expand::check(value) {
        report.error(
            Code::BadTemplate,
            line.span,
            format!("{} cannot be expanded: {error}", quote(value)),
        );
        return None;
    }
    let spanned = |text: &str| Spanned::new(text.to_owned(), line.span);
    Some(Pair {
        name: spanned(name),
        value: spanned(value),
    })
}

fn is_variable(report: &Report<'_>, name: &Spanned<String>) -> bool {
    variable(report, &name.value, name.span, "a variable")
}

/// Whether a name can be set; `CIRCLE…` is Circle's own.
pub(super) fn variable(report: &Report<'_>, name: &str, span: Span, what: &str) -> bool {
    if VariableName::new(name).is_err() {
        let message = format!("{} cannot name {what}", quote(name));
        let help = "names have letters, digits and underscores, and begin with no digit";
        report.error_help(Code::BadValue, span, message, help);
        return false;
    }
    let own = name == "CIRCLE" || name.starts_with("CIRCLE_");
    if own {
        report.error_help(
            Code::BadValue,
            span,
            format!("{} is set by Circle itself", quote(name)),
            "choose another name",
        );
    }
    !own
}
