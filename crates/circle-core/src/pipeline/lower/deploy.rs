//! `deploy`.

use super::fields::Fields;
use super::ready::http_path;
use super::scalar::{duration, list, said, text, texts, wrong_type};
use crate::names::Slug;
use crate::pipeline::bounds::{DEFAULT_VERIFY_WITHIN_S, MAX_VERIFY_WITHIN_S};
use crate::pipeline::code::Code;
use crate::pipeline::keys::{DEPLOY, VERIFY};
use crate::pipeline::report::{Report, quote};
use crate::pipeline::source::Spanned;
use crate::pipeline::tree::DeployEntry;
use crate::pipeline::yaml::{Entry, Node, Value};
use crate::plan::Verify;

/// Lowers the list.
pub(super) fn deploy(report: &Report<'_>, entry: &Entry) -> Vec<DeployEntry> {
    let Value::List(_) = &entry.value.value else {
        wrong_type(
            report,
            &entry.value,
            "deploy",
            "a list",
            "write a list of steps: - {environment: NAME}",
        );
        return Vec::new();
    };
    if entry.value.is_empty_list() {
        let help = "remove it: then the service's bindings on the server count";
        report.error_help(Code::NothingToDo, entry.key.span, "`deploy` is empty", help);
    }
    list(report, &entry.value, "deploy", |node| step(report, node))
}

fn step(report: &Report<'_>, node: &Node) -> Option<DeployEntry> {
    let fields = Fields::read(report, node, &DEPLOY)?;
    fields.require(
        report,
        "environment",
        crate::pipeline::source::Span {
            start: node.span.start,
            end: node.span.start,
        },
    );
    let image = fields.get(report, "image").and_then(|node| text(report, node, "image"));
    let needs = fields
        .get(report, "needs")
        .map_or_else(Vec::new, |node| texts(report, node, "needs"));
    let verify = fields.get(report, "verify").and_then(|node| verify(report, node));
    let environment = fields
        .get(report, "environment")
        .and_then(|node| environment(report, node))?;
    Some(DeployEntry {
        environment,
        image,
        needs,
        verify,
    })
}

fn environment(report: &Report<'_>, node: &Node) -> Option<Spanned<String>> {
    let name = text(report, node, "environment")?;
    let fits = Slug::new(name.value.as_str()).is_ok();
    if !fits {
        let message = format!("{} cannot name an environment", quote(&name.value));
        report.error_help(
            Code::BadValue,
            name.span,
            message,
            "names have 1 to 63 lower-case letters, digits and inner hyphens",
        );
    }
    fits.then_some(name)
}

fn verify(report: &Report<'_>, node: &Node) -> Option<Verify> {
    let fields = Fields::read(report, node, &VERIFY)?;
    fields.require(report, "http", node.span);
    let within = fields
        .get(report, "within")
        .and_then(|node| duration(report, node, "within", MAX_VERIFY_WITHIN_S));
    let node = fields.get(report, "http")?;
    let http = said(report, node, "http", http_path(&text(report, node, "http")?.value))?;
    Some(Verify {
        http,
        within_s: within.unwrap_or(DEFAULT_VERIFY_WITHIN_S),
    })
}
