//! Checks a value against the kind that the table declares, for keys whose meaning is not lowered yet.

use super::fields::Fields;
use super::scalar::{boolean, duration, integer, list, number, port, size, text, written, wrong_type};
use crate::pipeline::bounds::MAX_MEMORY_BYTES;
use crate::pipeline::keys::Kind;
use crate::pipeline::report::Report;
use crate::pipeline::yaml::{Node, Value};

/// Ten years: any longer duration is a mistake in the unit.
const LONGEST_S: u64 = 3_650 * 86_400;

/// Reports what does not fit.
pub(super) fn check_shape(report: &Report<'_>, node: &Node, kind: &'static Kind, what: &'static str) {
    match kind {
        Kind::Anything => {}
        Kind::Text => drop(text(report, node, what)),
        Kind::Scalar => drop(written(report, node, what)),
        Kind::Bool => drop(boolean(report, node, what)),
        Kind::Integer { min, max } => drop(integer(report, node, what, *min, *max)),
        Kind::Number | Kind::Signed => drop(number(report, node, what, "a number")),
        Kind::Duration => drop(duration(report, node, what, LONGEST_S)),
        Kind::Size => drop(size(report, node, what, 0, MAX_MEMORY_BYTES)),
        Kind::Port => drop(port(report, node, what)),
        Kind::Choice(words) => choice(report, node, words, what),
        Kind::List(inner) => drop(list(report, node, what, |item| {
            check_shape(report, item, inner, what);
            Some(())
        })),
        Kind::Map(inner) => map(report, node, inner, what),
        Kind::Section(section) => {
            if let Some(fields) = Fields::read(report, node, section) {
                for key in section.keys() {
                    if let Some(value) = fields.get(report, key.name) {
                        check_shape(report, value, &key.kind, key.name);
                    }
                }
            }
        }
        // Which alternative was meant cannot be said; no key that is checked here has two maps or two lists.
        Kind::Either(kinds) => match kinds.iter().find(|kind| looks_like(node, kind)) {
            Some(kind) => check_shape(report, node, kind, what),
            None => wrong_type(
                report,
                node,
                what,
                "another kind of value",
                "see the guide for what it takes",
            ),
        },
    }
}

fn choice(report: &Report<'_>, node: &Node, words: &[&'static str], what: &str) {
    let words: Vec<(&'static str, ())> = words.iter().map(|word| (*word, ())).collect();
    super::scalar::choice(report, node, what, &words);
}

fn map(report: &Report<'_>, node: &Node, inner: &'static Kind, what: &'static str) {
    match &node.value {
        Value::Map(entries) => entries
            .iter()
            .for_each(|entry| check_shape(report, &entry.value, inner, what)),
        _ => wrong_type(report, node, what, "a map", "write `name: value` lines, indented"),
    }
}

fn looks_like(node: &Node, kind: &Kind) -> bool {
    match kind {
        Kind::List(_) => matches!(node.value, Value::List(_)),
        Kind::Map(_) | Kind::Section(_) => matches!(node.value, Value::Map(_)),
        _ => matches!(node.value, Value::Scalar(_)),
    }
}
