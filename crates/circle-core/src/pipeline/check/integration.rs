//! Sidecars, links and jobs of `integration`.

use std::collections::BTreeSet;

use crate::pipeline::code::Code;
use crate::pipeline::report::{Report, quote};
use crate::pipeline::suggest::nearest;
use crate::pipeline::tree::{ContainerSpec, Job, PipelineFile};

pub(super) fn check(report: &Report<'_>, file: &PipelineFile) {
    links(report, file);
    readiness(report, file);
    one_job_each(report, file);
}

fn links(report: &Report<'_>, file: &PipelineFile) {
    let sidecars: BTreeSet<&str> = file.sidecars().map(|sidecar| sidecar.name.value.as_str()).collect();
    let beside: Vec<&ContainerSpec> = file
        .integration
        .iter()
        .flat_map(|stage| {
            stage
                .jobs
                .iter()
                .map(|job| &job.container)
                .chain(stage.sidecars.iter().map(|one| &one.container))
        })
        .collect();
    for container in file.containers() {
        let has_sidecars = beside.iter().any(|one| std::ptr::eq(*one, container));
        for link in &container.links {
            let name = link.sidecar.value.as_str();
            if has_sidecars && sidecars.contains(name) {
                continue;
            }
            let message = format!("there is no sidecar {} beside this container", quote(name));
            let help = match nearest(name, sidecars.iter().copied()).filter(|_| has_sidecars) {
                Some(right) => format!("did you mean `{right}`?"),
                None => "sidecars are declared beneath `integration.services`".to_owned(),
            };
            report.error_help(Code::UnknownSidecar, link.sidecar.span, message, help);
        }
    }
}

fn readiness(report: &Report<'_>, file: &PipelineFile) {
    for sidecar in file.sidecars() {
        if !sidecar.says_ready && sidecar.container.ports.is_empty() {
            let message = format!("the sidecar `{}` does not say when it is ready", sidecar.name.value);
            let help = "add `ready: {tcp: PORT}`; without it the image's health check or its lowest exposed port counts, if it has one";
            report.warning(Code::NoReadiness, sidecar.name.span, message, help);
        }
    }
}

fn one_job_each(report: &Report<'_>, file: &PipelineFile) {
    let Some(stage) = &file.integration else { return };
    let (after, before): (Vec<&Job>, Vec<&Job>) = stage.jobs.iter().partition(|job| job.after_build);
    for (jobs, place) in [(before, "before build"), (after, "after build")] {
        for extra in jobs.iter().skip(1) {
            let message = format!(
                "not yet: `{}` is a second job {place}; one runs there in this version",
                extra.name.value
            );
            report.error_help(
                Code::NotYet,
                extra.name.span,
                message,
                format!("put its commands into `{}`", jobs[0].name.value),
            );
        }
    }
}
