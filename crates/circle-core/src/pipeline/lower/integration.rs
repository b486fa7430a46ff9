//! `integration`.

use super::container::{container, is_reachable_name, words};
use super::fields::Fields;
use super::job::job;
use super::ready::ready;
use super::scalar::{choice, wrong_type};
use crate::pipeline::code::Code;
use crate::pipeline::keys::{INTEGRATION, JOB, SIDECAR};
use crate::pipeline::report::Report;
use crate::pipeline::source::Spanned;
use crate::pipeline::tree::{Integration, Job, SidecarEntry};
use crate::pipeline::yaml::{Entry, Node, Value};

/// Keys that make a job when they stand directly under `integration`.
const DIRECT: [&str; 29] = [
    "image",
    "commands",
    "finally",
    "shell",
    "working_dir",
    "environment",
    "user",
    "volumes",
    "tmpfs",
    "caches",
    "secrets",
    "resources",
    "mem_limit",
    "links",
    "timeout",
    "retry",
    "privileged",
    "devices",
    "docker",
    "cap_add",
    "cap_drop",
    "security_opt",
    "network_mode",
    "pid",
    "ipc",
    "uts",
    "userns_mode",
    "cgroup",
    "after",
];

/// Lowers the section.
pub(super) fn integration(report: &Report<'_>, entry: &Entry) -> Option<Integration> {
    let fields = Fields::read(report, &entry.value, &INTEGRATION)?;
    let span = entry.key.span;
    let sidecars = fields
        .get(report, "services")
        .map_or_else(Vec::new, |node| sidecars(report, node));
    let jobs = match (fields.entry(report, "jobs"), fields.first_of(&DIRECT)) {
        (Some(named), direct) => {
            if let Some(direct) = direct {
                let message = format!(
                    "`{}` stands beside `jobs`, but belongs to one of them",
                    direct.key.value
                );
                report.error_help(
                    Code::ConflictingKeys,
                    direct.key.span,
                    message,
                    "move it into a job, or share a map with `use`",
                );
            }
            jobs(report, named)
        }
        (None, Some(_)) => vec![with_after(
            report,
            &fields,
            job(report, &fields, &Spanned::new("integration".to_owned(), span)),
        )],
        (None, None) => {
            let message = "`integration` has no job, so it would do nothing";
            fields.nothing_to_do(report, span, message, "write `image` and `commands`, or `jobs`");
            Vec::new()
        }
    };
    Some(Integration { sidecars, jobs })
}

fn jobs(report: &Report<'_>, entry: &Entry) -> Vec<Job> {
    named(report, entry, "jobs", |one| {
        let fields = Fields::read(report, &one.value, &JOB)?;
        let fits = is_reachable_name(report, &one.key.value, one.key.span, "a job");
        fits.then(|| with_after(report, &fields, job(report, &fields, &one.key)))
    })
}

fn with_after(report: &Report<'_>, fields: &Fields<'_>, job: Job) -> Job {
    let after = fields
        .get(report, "after")
        .and_then(|node| choice(report, node, "after", &[("build", ())]));
    let built = job
        .container
        .image
        .as_ref()
        .is_some_and(|image| image.value.starts_with("BUILT_IMAGE"));
    Job {
        after_build: after.is_some() || built,
        ..job
    }
}

fn sidecars(report: &Report<'_>, node: &Node) -> Vec<SidecarEntry> {
    let Value::Map(entries) = &node.value else {
        wrong_type(
            report,
            node,
            "services",
            "a map",
            "write `name:` lines with the keys of the container beneath",
        );
        return Vec::new();
    };
    entries.iter().filter_map(|entry| sidecar(report, entry)).collect()
}

fn sidecar(report: &Report<'_>, entry: &Entry) -> Option<SidecarEntry> {
    let fields = Fields::read(report, &entry.value, &SIDECAR)?;
    if !is_reachable_name(report, &entry.key.value, entry.key.span, "a sidecar") {
        return None;
    }
    fields.require(report, "image", entry.key.span);
    let (probe, ready_timeout_s) = fields
        .get(report, "ready")
        .map_or((None, None), |node| ready(report, node));
    let mut container = container(report, &fields);
    container.command = fields
        .get(report, "command")
        .and_then(|node| words(report, node, "command"));
    container.entrypoint = fields
        .get(report, "entrypoint")
        .and_then(|node| words(report, node, "entrypoint"));
    Some(SidecarEntry {
        says_ready: fields.first_of(&["ready"]).is_some(),
        name: entry.key.clone(),
        container,
        ready: probe,
        ready_timeout_s,
    })
}

/// The entries of a map of the user's names, which must not be empty.
pub(super) fn named<T>(
    report: &Report<'_>,
    entry: &Entry,
    what: &str,
    each: impl FnMut(&Entry) -> Option<T>,
) -> Vec<T> {
    match &entry.value.value {
        Value::Map(entries) if entries.is_empty() => {
            report.error_help(
                Code::NothingToDo,
                entry.key.span,
                format!("`{what}` is empty"),
                "name at least one, or remove the key",
            );
            Vec::new()
        }
        Value::Map(entries) => entries.iter().filter_map(each).collect(),
        _ => {
            wrong_type(
                report,
                &entry.value,
                what,
                "a map",
                "write `name:` lines with their keys beneath",
            );
            Vec::new()
        }
    }
}
