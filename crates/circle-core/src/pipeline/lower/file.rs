//! The file itself.

use super::build::build;
use super::deploy::deploy;
use super::fields::Fields;
use super::inputs::inputs;
use super::integration::integration;
use super::job::job;
use super::pre_build::pre_build;
use super::scalar::integer;
use super::triggers::{concurrency, triggers};
use crate::pipeline::code::Code;
use crate::pipeline::keys::{FILE, POST_BUILD};
use crate::pipeline::report::Report;
use crate::pipeline::source::{Span, Spanned};
use crate::pipeline::tree::{ConcurrencyRules, Job, PipelineFile};
use crate::pipeline::yaml::{Entry, Node};

const EMPTY_HELP: &str = "write a section such as `build: {}`, or remove the file: then the Dockerfile is built";
const SECTIONS: [&str; 5] = ["integration", "pre_build", "build", "post_build", "deploy"];

/// Lowers a document. The answer is only to be used when nothing was reported.
pub(crate) fn lower_file(report: &Report<'_>, root: Option<&Node>) -> Option<PipelineFile> {
    let Some(node) = root.filter(|node| !node.is_null()) else {
        report.error_help(Code::EmptyFile, Span::START, "the file is empty", EMPTY_HELP);
        return None;
    };
    let fields = Fields::read(report, node, &FILE)?;
    if let Some(version) = fields.get(report, "version") {
        integer(report, version, "version", 1, 1);
    }
    if fields.first_of(&SECTIONS).is_none() {
        fields.nothing_to_do(
            report,
            Span::START,
            "the file has no section, so nothing would run",
            EMPTY_HELP,
        );
    }
    let entry = |name| fields.entry(report, name);
    Some(PipelineFile {
        source: report.source.clone(),
        warnings: Vec::new(),
        triggers: entry("triggers").map(|entry| triggers(report, entry)),
        concurrency: fields
            .get(report, "concurrency")
            .map_or_else(ConcurrencyRules::default, |node| concurrency(report, node)),
        inputs: entry("inputs").map(|entry| inputs(report, entry)).unwrap_or_default(),
        integration: entry("integration").and_then(|entry| integration(report, entry)),
        pre_build: entry("pre_build").and_then(|entry| pre_build(report, entry)),
        build: entry("build").and_then(|entry| build(report, entry)),
        post_build: entry("post_build").and_then(|entry| post_build(report, entry)),
        deploy: entry("deploy").map(|entry| deploy(report, entry)),
    })
}

fn post_build(report: &Report<'_>, entry: &Entry) -> Option<Job> {
    let fields = Fields::read(report, &entry.value, &POST_BUILD)?;
    Some(job(
        report,
        &fields,
        &Spanned::new("post_build".to_owned(), entry.key.span),
    ))
}
