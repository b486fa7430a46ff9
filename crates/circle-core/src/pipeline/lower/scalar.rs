//! Single values: each reports what it does not take.

use crate::pipeline::code::Code;
use crate::pipeline::report::{Report, quote};
use crate::pipeline::source::Spanned;
use crate::pipeline::suggest::nearest;
use crate::pipeline::value::{parse_duration, parse_size};
use crate::pipeline::yaml::{Node, Scalar, ScalarKind, Value};

/// A text. A number or truth value is refused: the reader of YAML would see something else than its writer.
pub(super) fn text(report: &Report<'_>, node: &Node, what: &str) -> Option<Spanned<String>> {
    let scalar = as_scalar(report, node, what, "a text")?;
    match scalar.kind() {
        ScalarKind::Number | ScalarKind::Bool(_) => {
            wrong_type(report, node, what, "a text", &format!("write \"{}\"", scalar.text));
            None
        }
        _ => Some(Spanned::new(scalar.text.clone(), node.span)),
    }
}

/// A text as written; numbers and truth values keep their letters (`1.10` stays `1.10`).
pub(super) fn written(report: &Report<'_>, node: &Node, what: &str) -> Option<Spanned<String>> {
    as_scalar(report, node, what, "a text").map(|scalar| Spanned::new(scalar.text.clone(), node.span))
}

/// `true` or `false`.
pub(super) fn boolean(report: &Report<'_>, node: &Node, what: &str) -> Option<bool> {
    if let Value::Scalar(scalar) = &node.value {
        match scalar.kind() {
            ScalarKind::Bool(value) => return Some(value),
            ScalarKind::Ambiguous => {
                let message = format!(
                    "{} means a truth value to some readers of YAML only",
                    quote(&scalar.text)
                );
                report.error_help(Code::AmbiguousWord, node.span, message, "write true or false");
                return None;
            }
            _ => {}
        }
    }
    wrong_type(
        report,
        node,
        what,
        "true or false",
        "write true or false without quotes",
    );
    None
}

/// A whole number from `min` to `max`.
pub(super) fn integer(report: &Report<'_>, node: &Node, what: &str, min: u64, max: u64) -> Option<u64> {
    let scalar = number(report, node, what, "a whole number")?;
    match scalar.text.parse::<u64>() {
        Ok(value) if (min..=max).contains(&value) => Some(value),
        _ => {
            let range = if min == max {
                format!("only {min}")
            } else {
                format!("a whole number from {min} to {max}")
            };
            let message = format!("`{what}` takes {range}, found {}", quote(&scalar.text));
            report.error(Code::BadValue, node.span, message);
            None
        }
    }
}

/// A plain number of any form, as text.
pub(super) fn number<'n>(report: &Report<'_>, node: &'n Node, what: &str, wanted: &str) -> Option<&'n Scalar> {
    match &node.value {
        Value::Scalar(scalar) if scalar.kind() == ScalarKind::Number => Some(scalar),
        _ => {
            wrong_type(report, node, what, wanted, "write it without quotes and without a unit");
            None
        }
    }
}

/// Seconds within a range.
pub(super) fn duration(report: &Report<'_>, node: &Node, what: &str, max_s: u64) -> Option<u64> {
    let scalar = as_scalar(report, node, what, "a duration")?;
    let seconds = said(report, node, what, parse_duration(&scalar.text))?;
    if (1..=max_s).contains(&seconds) {
        return Some(seconds);
    }
    let message = format!(
        "`{what}` takes a duration from 1s to {}, found {}",
        hours(max_s),
        quote(&scalar.text)
    );
    report.error(Code::BadValue, node.span, message);
    None
}

/// Bytes within a range.
pub(super) fn size(report: &Report<'_>, node: &Node, what: &str, min: u64, max: u64) -> Option<u64> {
    let scalar = as_scalar(report, node, what, "a size")?;
    let bytes = said(report, node, what, parse_size(&scalar.text))?;
    if (min..=max).contains(&bytes) {
        return Some(bytes);
    }
    let message = format!(
        "`{what}` takes a size from {}m to {}t, found {}",
        min >> 20,
        max >> 40,
        quote(&scalar.text)
    );
    report.error(Code::BadValue, node.span, message);
    None
}

/// A TCP port.
pub(super) fn port(report: &Report<'_>, node: &Node, what: &str) -> Option<u16> {
    if let Value::Scalar(scalar) = &node.value
        && scalar.text.contains([':', '/'])
    {
        let message = format!("`{what}` takes a TCP port, found {}", quote(&scalar.text));
        let help = "write the container's port alone, such as 6379: ports are not published on the host";
        report.error_help(Code::BadValue, node.span, message, help);
        return None;
    }
    integer(report, node, what, 1, u64::from(u16::MAX)).and_then(|port| u16::try_from(port).ok())
}

/// One word of a few.
pub(super) fn choice<T: Copy>(report: &Report<'_>, node: &Node, what: &str, words: &[(&'static str, T)]) -> Option<T> {
    let scalar = as_scalar(report, node, what, "a word")?;
    if let Some((_, value)) = words.iter().find(|(word, _)| *word == scalar.text) {
        return Some(*value);
    }
    let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    let message = format!("`{what}` does not take {}", quote(&scalar.text));
    let help = match nearest(&scalar.text, known.iter().copied()) {
        Some(right) => format!("did you mean `{right}`?"),
        None => format!("write one of: {}", known.join(", ")),
    };
    report.error_help(Code::BadValue, node.span, message, help);
    None
}

/// Each entry of a list; what an entry reports is left out of the answer.
pub(super) fn list<'n, T>(
    report: &Report<'_>,
    node: &'n Node,
    what: &str,
    each: impl FnMut(&'n Node) -> Option<T>,
) -> Vec<T> {
    match &node.value {
        Value::List(items) => items.iter().map(|item| &**item).filter_map(each).collect(),
        _ => {
            let help = match &node.value {
                Value::Scalar(scalar) if scalar.kind() != ScalarKind::Null => {
                    format!("write a list: [{}]", scalar.text.trim())
                }
                _ => "write a list: one `- entry` a line".to_owned(),
            };
            wrong_type(report, node, what, "a list", &help);
            Vec::new()
        }
    }
}

/// A list of texts.
pub(super) fn texts(report: &Report<'_>, node: &Node, what: &str) -> Vec<Spanned<String>> {
    list(report, node, what, |item| text(report, item, what))
}

/// Passes a value on, or reports why there is none.
pub(super) fn said<T>(report: &Report<'_>, node: &Node, what: &str, result: Result<T, &'static str>) -> Option<T> {
    said_as(report, Code::BadValue, node, what, result)
}

/// The same under another code.
pub(super) fn said_as<T>(
    report: &Report<'_>,
    code: Code,
    node: &Node,
    what: &str,
    result: Result<T, &'static str>,
) -> Option<T> {
    let found = match &node.value {
        Value::Scalar(scalar) => quote(&scalar.text),
        Value::List(_) | Value::Map(_) => node.description().to_owned(),
    };
    result
        .map_err(|why| report.error_help(code, node.span, format!("`{what}` does not take {found}"), why))
        .ok()
}

/// Reports a value of another kind.
pub(super) fn wrong_type(report: &Report<'_>, node: &Node, what: &str, wanted: &str, help: &str) {
    let message = format!("`{what}` takes {wanted}, found {}", node.description());
    report.error_help(Code::WrongType, node.span, message, help);
}

fn as_scalar<'n>(report: &Report<'_>, node: &'n Node, what: &str, wanted: &str) -> Option<&'n Scalar> {
    let Value::Scalar(scalar) = &node.value else {
        wrong_type(report, node, what, wanted, "write one value");
        return None;
    };
    match scalar.kind() {
        ScalarKind::Ambiguous => {
            let message = format!(
                "{} means a truth value to some readers of YAML and a text to others",
                quote(&scalar.text)
            );
            report.error_help(
                Code::AmbiguousWord,
                node.span,
                message,
                format!("write \"{}\"", scalar.text),
            );
            None
        }
        ScalarKind::Null => {
            wrong_type(report, node, what, wanted, "write a value; \"\" is an empty text");
            None
        }
        _ => Some(scalar),
    }
}

fn hours(seconds: u64) -> String {
    match seconds {
        s if s % 86_400 == 0 => format!("{}d", s / 86_400),
        s if s % 3_600 == 0 => format!("{}h", s / 3_600),
        s => format!("{s}s"),
    }
}
