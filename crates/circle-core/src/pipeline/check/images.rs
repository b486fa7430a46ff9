//! `BUILT_IMAGE` and the names of images.

use crate::pipeline::code::Code;
use crate::pipeline::report::{Report, quote};
use crate::pipeline::source::{Span, Spanned};
use crate::pipeline::suggest::nearest;
use crate::pipeline::tree::{Job, PipelineFile, PreBuildForm};

pub(super) fn check(report: &Report<'_>, file: &PipelineFile) {
    for container in file.containers() {
        if let Some(image) = &container.image {
            exists(report, file, image);
        }
    }
    if let Some(PreBuildForm::Container(job)) = file.pre_build.as_ref().map(|stage| &stage.form) {
        not_built_yet(report, job);
    }
    sidecars(report, file);
    after_build(report, file);
}

/// The name behind `BUILT_IMAGE.`; `None` within for the only image.
fn built_name(image: &str) -> Option<Option<&str>> {
    let rest = image.strip_prefix("BUILT_IMAGE")?;
    Some(rest.strip_prefix('.'))
}

fn exists(report: &Report<'_>, file: &PipelineFile, image: &Spanned<String>) {
    let Some(name) = built_name(&image.value) else { return };
    let names: Vec<&str> = file.images().map(|image| image.name.value.as_str()).collect();
    match (name, names.as_slice()) {
        (_, []) => {
            let message = "`BUILT_IMAGE` needs a `build` section";
            report.error_help(Code::UnknownImage, image.span, message, "add `build: {}`");
        }
        (None, [_]) => {}
        (None, many) => {
            let message = "several images are built; `BUILT_IMAGE` does not say which";
            let help = format!("write one of: BUILT_IMAGE.{}", many.join(", BUILT_IMAGE."));
            report.error_help(Code::UnknownImage, image.span, message, help);
        }
        (Some(name), many) => among(report, name, image.span, many),
    }
}

/// Reports the name of an image that is not built.
pub(super) fn among(report: &Report<'_>, name: &str, span: Span, built: &[&str]) {
    if built.contains(&name) {
        return;
    }
    let help = match nearest(name, built.iter().copied()) {
        Some(right) => format!("did you mean `{right}`?"),
        None => format!("`build` makes: {}", built.join(", ")),
    };
    let message = format!("`build` has no image {}", quote(name));
    report.error_help(Code::UnknownImage, span, message, help);
}

fn not_built_yet(report: &Report<'_>, job: &Job) {
    if let Some(image) = job
        .container
        .image
        .as_ref()
        .filter(|image| built_name(&image.value).is_some())
    {
        let help = "take an image of a registry: pre_build runs before build";
        report.error_help(
            Code::UnknownImage,
            image.span,
            "in `pre_build` no image is built yet",
            help,
        );
    }
}

/// Sidecars stand beside every job of integration, so a built one cannot stand beside a job before build.
fn sidecars(report: &Report<'_>, file: &PipelineFile) {
    let Some(stage) = &file.integration else { return };
    let Some(early) = stage.jobs.iter().find(|job| !job.after_build) else {
        return;
    };
    for sidecar in &stage.sidecars {
        let Some(image) = sidecar
            .container
            .image
            .as_ref()
            .filter(|image| built_name(&image.value).is_some())
        else {
            continue;
        };
        let message = format!(
            "the sidecar `{}` is a built image, but `{}` runs before build",
            sidecar.name.value, early.name.value
        );
        report.error_help(
            Code::UnknownImage,
            image.span,
            message,
            "write `after: build` in the job",
        );
    }
}

fn after_build(report: &Report<'_>, file: &PipelineFile) {
    for job in file.integration.iter().flat_map(|stage| &stage.jobs) {
        if job.after_build && file.build.is_none() {
            let message = format!("`{}` runs after build, but there is no `build` section", job.name.value);
            report.error_help(
                Code::NothingToDo,
                job.name.span,
                message,
                "add `build: {}`, or remove `after`",
            );
        }
    }
}
