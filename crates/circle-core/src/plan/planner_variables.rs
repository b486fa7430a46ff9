//! Variables that this trigger does not set.

use super::planner_order::Step;
use crate::expand::{names_in, variables_of};
use crate::inputs::VARIABLE_PREFIX;
use crate::pipeline::{Code, PipelineFile, PreBuildForm, Report, Spanned, container_texts, image_texts, quote};
use crate::trigger::Trigger;

/// Those that depend on the kind of event; all others but inputs every run has by the time it starts.
const BY_EVENT: [&str; 4] = [
    "CIRCLE_BRANCH",
    "CIRCLE_TARGET_BRANCH",
    "CIRCLE_TAG",
    "CIRCLE_PULL_REQUEST",
];

pub(super) fn check_variables(report: &Report<'_>, file: &PipelineFile, steps: &[Step<'_>], trigger: &Trigger) {
    let set = variables_of(trigger);
    for text in steps.iter().flat_map(|step| texts(file, step)) {
        for (name, has_fallback) in names_in(&text.value) {
            let may_be_unset = BY_EVENT.contains(&name) || name.starts_with(VARIABLE_PREFIX);
            if may_be_unset && !has_fallback && !set.contains_key(name) {
                let message = format!(
                    "{} is not set for this {}",
                    quote(name),
                    trigger.event.word().replace('_', " ")
                );
                report.error_help(
                    Code::UnknownVariable,
                    text.span,
                    message,
                    format!("write ${{{name}:-text}} to say what counts then"),
                );
            }
        }
    }
}

fn texts<'f>(file: &'f PipelineFile, step: &Step<'f>) -> Vec<&'f Spanned<String>> {
    match step {
        Step::Checkout => Vec::new(),
        Step::Integration(job) => {
            let sidecars = file.sidecars().flat_map(|sidecar| container_texts(&sidecar.container));
            container_texts(&job.container).chain(sidecars).collect()
        }
        Step::PostBuild(job) => container_texts(&job.container).collect(),
        Step::PreBuild => match file.pre_build.as_ref().map(|stage| &stage.form) {
            Some(PreBuildForm::Container(job)) => container_texts(&job.container).collect(),
            Some(PreBuildForm::Dockerfile(image)) => image_texts(image).collect(),
            None => Vec::new(),
        },
        // Tags and repository count at the push only.
        Step::Build => file
            .images()
            .flat_map(|image| image.args.iter().chain(&image.labels))
            .map(|pair| &pair.value)
            .collect(),
        Step::Push => file
            .images()
            .flat_map(|image| image.tags.iter().chain(&image.repository))
            .collect(),
    }
}
