//! `inputs`.

use super::fields::Fields;
use super::integration::named;
use super::scalar::{boolean, choice, list, number, text, written};
use crate::inputs::{Input, InputKind, MAX_INPUTS, MAX_NAME_CHARS, MAX_VALUE_CHARS, is_name, pattern};
use crate::pipeline::code::Code;
use crate::pipeline::keys::INPUT;
use crate::pipeline::report::{Report, quote};
use crate::pipeline::source::Spanned;
use crate::pipeline::yaml::{Entry, Node, Value};

/// The word behind `type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    Text,
    Number,
    Boolean,
    Choice,
}

/// Lowers the map.
pub(super) fn inputs(report: &Report<'_>, entry: &Entry) -> Vec<Input> {
    let inputs = named(report, entry, "inputs", |entry| input(report, entry));
    if let Value::Map(entries) = &entry.value.value
        && entries.len() > MAX_INPUTS
    {
        let message = format!("the file declares {} inputs; {MAX_INPUTS} are the most", entries.len());
        let help = "several values that belong together can be one choice";
        report.error_help(Code::BadValue, entry.key.span, message, help);
    }
    inputs
}

fn input(report: &Report<'_>, entry: &Entry) -> Option<Input> {
    let fields = Fields::read(report, &entry.value, &INPUT)?;
    check_name(report, &entry.key);
    let of_type = match fields.get(report, "type") {
        Some(node) => type_of(report, node)?,
        None => Type::Text,
    };
    misplaced(report, &fields, of_type);
    let input = Input {
        name: entry.key.value.clone(),
        kind: kind(report, &fields, (of_type, entry))?,
        default: fields
            .get(report, "default")
            .and_then(|node| written(report, node, "default"))
            .map(|default| default.value),
        required: fields
            .get(report, "required")
            .and_then(|node| boolean(report, node, "required"))
            == Some(true),
        description: fields
            .get(report, "description")
            .and_then(|node| text(report, node, "description"))
            .map(|text| text.value),
    };
    check_default(report, &fields, &input);
    Some(input)
}

fn type_of(report: &Report<'_>, node: &Node) -> Option<Type> {
    if let Value::Scalar(scalar) = &node.value
        && ["secret", "password", "token"].contains(&scalar.text.as_str())
    {
        let message = format!("an input cannot be a {}: inputs are shown with the run", scalar.text);
        let help = "keep it with `circle secret set`, and name it in `secrets`";
        report.error_help(Code::Refused, node.span, message, help);
        return None;
    }
    let words = [
        ("string", Type::Text),
        ("number", Type::Number),
        ("boolean", Type::Boolean),
        ("choice", Type::Choice),
    ];
    choice(report, node, "type", &words)
}

fn check_name(report: &Report<'_>, key: &Spanned<String>) {
    let name = key.value.as_str();
    if !is_name(name) {
        let message = format!("{} cannot name an input", quote(name));
        let help = format!(
            "names have small letters, digits and underscores, begin with a letter, and are at most {MAX_NAME_CHARS} long: the variable has them in capitals"
        );
        report.error_help(Code::BadValue, key.span, message, help);
    }
}

/// A bound that the type never asks would be silently without effect.
fn misplaced(report: &Report<'_>, fields: &Fields<'_>, of_type: Type) {
    let (word, refused): (_, &[&str]) = match of_type {
        Type::Text => ("string", &["options"]),
        Type::Number => ("number", &["options", "pattern"]),
        Type::Boolean => ("boolean", &["options", "pattern", "min", "max"]),
        Type::Choice => ("choice", &["pattern", "min", "max"]),
    };
    for name in refused {
        if let Some(entry) = fields.first_of(&[name]) {
            let message = format!("`{name}` has no meaning for `type: {word}`");
            report.error_help(Code::ConflictingKeys, entry.key.span, message, "remove one of them");
        }
    }
}

fn kind(report: &Report<'_>, fields: &Fields<'_>, (of_type, entry): (Type, &Entry)) -> Option<InputKind> {
    Some(match of_type {
        Type::Text => InputKind::Text {
            pattern: fields.get(report, "pattern").and_then(|node| whole(report, node)),
            min: fields
                .get(report, "min")
                .and_then(|node| characters(report, node, "min")),
            max: fields
                .get(report, "max")
                .and_then(|node| characters(report, node, "max")),
        },
        Type::Number => {
            let bound = |name| fields.get(report, name).and_then(|node| signed(report, node, name));
            let (min, max) = (bound("min"), bound("max"));
            if let (Some(min), Some(max)) = (min, max)
                && min > max
            {
                report.error(
                    Code::BadValue,
                    entry.key.span,
                    format!("no number is at least {min} and at most {max}"),
                );
            }
            InputKind::Number { min, max }
        }
        Type::Boolean => InputKind::Boolean,
        Type::Choice => {
            fields.require(report, "options", entry.key.span);
            InputKind::Choice {
                options: options(report, fields.get(report, "options")?),
            }
        }
    })
}

fn whole(report: &Report<'_>, node: &Node) -> Option<String> {
    let wanted = text(report, node, "pattern")?;
    if let Err(why) = pattern(&wanted.value) {
        let message = format!("`pattern` does not take {}: {why}", quote(&wanted.value));
        report.error(Code::BadPattern, wanted.span, message);
        return None;
    }
    Some(wanted.value)
}

fn characters(report: &Report<'_>, node: &Node, what: &str) -> Option<u64> {
    super::scalar::integer(report, node, what, 0, MAX_VALUE_CHARS as u64)
}

fn signed(report: &Report<'_>, node: &Node, what: &str) -> Option<f64> {
    let scalar = number(report, node, what, "a number")?;
    let value = scalar.text.parse::<f64>().ok().filter(|value| value.is_finite());
    if value.is_none() {
        let message = format!("`{what}` takes a number, found {}", quote(&scalar.text));
        report.error(Code::BadValue, node.span, message);
    }
    value
}

fn options(report: &Report<'_>, node: &Node) -> Vec<String> {
    let found = list(report, node, "options", |item| written(report, item, "options"));
    if node.is_empty_list() {
        report.error_help(
            Code::NothingToDo,
            node.span,
            "`options` is empty, so nothing could be chosen",
            "name at least one",
        );
    }
    let mut taken: Vec<String> = Vec::with_capacity(found.len());
    for option in found {
        if taken.contains(&option.value) {
            report.error(
                Code::Duplicate,
                option.span,
                format!("{} can be chosen twice", quote(&option.value)),
            );
        } else {
            taken.push(option.value);
        }
    }
    taken
}

/// A default that the input itself would refuse is found when the file is read, not when a run fails.
fn check_default(report: &Report<'_>, fields: &Fields<'_>, input: &Input) {
    let Some(entry) = fields.first_of(&["default"]) else {
        return;
    };
    if input.required {
        let message = format!("{} must be given, so its default never counts", quote(&input.name));
        report.error_help(
            Code::ConflictingKeys,
            entry.key.span,
            message,
            "remove `default`, or `required`",
        );
    }
    if let Some(default) = &input.default
        && let Err(why) = input.check(default)
    {
        let message = format!("{} does not take its own default: {why}", quote(&input.name));
        report.error(Code::BadValue, entry.value.span, message);
    }
}
