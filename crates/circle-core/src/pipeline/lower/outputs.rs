//! `outputs` of pre_build.

use super::fields::Fields;
use super::scalar::{list, said_as, text};
use crate::pipeline::code::Code;
use crate::pipeline::keys::OUTPUT;
use crate::pipeline::report::{Report, quote};
use crate::pipeline::source::Spanned;
use crate::pipeline::value::{absolute_path, relative_path};
use crate::pipeline::yaml::{Node, Value};
use crate::plan::Output;

/// Where the checkout stands in a container.
const CHECKOUT: &str = "/workspace";

/// Lowers the list; what is copied to the same place twice is reported.
pub(super) fn outputs(report: &Report<'_>, node: &Node) -> Vec<Spanned<Output>> {
    let mut taken: Vec<Spanned<Output>> = Vec::new();
    for output in list(report, node, "outputs", |item| output(report, item)) {
        if let Some(first) = taken.iter().find(|other| other.value.to == output.value.to) {
            let message = format!(
                "the output {} is given twice; first on line {}",
                quote(&output.value.to),
                first.span.start.line
            );
            report.error_help(Code::Duplicate, output.span, message, "remove one of them");
        } else {
            taken.push(output);
        }
    }
    taken
}

fn output(report: &Report<'_>, node: &Node) -> Option<Spanned<Output>> {
    let (from, to) = match &node.value {
        Value::Scalar(_) => {
            let path = text(report, node, "outputs")?;
            let help = "write it relative to the checkout, or {from: /in/container, to: in/checkout}";
            let to = said_as(
                report,
                Code::BadPath,
                node,
                "outputs",
                relative_path(&path.value).map_err(|_| help),
            )?;
            (format!("{CHECKOUT}/{to}"), to)
        }
        _ => {
            let fields = Fields::read(report, node, &OUTPUT)?;
            fields.require(report, "from", node.span);
            fields.require(report, "to", node.span);
            let from = fields.get(report, "from").and_then(|node| from(report, node));
            let to = fields.get(report, "to").and_then(|node| to(report, node));
            (from?, to?)
        }
    };
    if to == "." {
        let help = "name a file or folder: the checkout as a whole cannot be an output";
        report.error_help(
            Code::BadPath,
            node.span,
            "`outputs` does not take the whole checkout",
            help,
        );
        return None;
    }
    Some(Spanned::new(Output { from, to }, node.span))
}

fn from(report: &Report<'_>, node: &Node) -> Option<String> {
    let path = text(report, node, "from")?;
    let parsed = if path.value.starts_with('/') {
        absolute_path(&path.value)
    } else {
        relative_path(&path.value).map(|path| format!("{CHECKOUT}/{path}"))
    };
    said_as(report, Code::BadPath, node, "from", parsed)
}

fn to(report: &Report<'_>, node: &Node) -> Option<String> {
    let path = text(report, node, "to")?;
    said_as(report, Code::BadPath, node, "to", relative_path(&path.value))
}
