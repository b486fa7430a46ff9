//! `${NAME}` of names that do not exist where they are used.

use crate::expand::{Scope, is_known_variable, known_variables, names_in};
use crate::inputs::{Input, VARIABLE_PREFIX, is_name};
use crate::pipeline::code::Code;
use crate::pipeline::report::{Report, quote};
use crate::pipeline::source::Spanned;
use crate::pipeline::suggest::nearest;
use crate::pipeline::tree::{ContainerSpec, ImageSpec, PipelineFile, PreBuildForm};

pub(super) fn check(report: &Report<'_>, file: &PipelineFile) {
    let stage = |text: &Spanned<String>, scope| text_in(report, file, text, scope);
    for text in file.images().chain(file.pre_build_image()).flat_map(image_texts) {
        stage(text, Scope::BeforeBuild);
    }
    let Some(after_build) = file.integration.as_ref() else {
        return other_jobs(report, file);
    };
    let all_late = after_build.jobs.iter().all(|job| job.after_build);
    for job in &after_build.jobs {
        let scope = if job.after_build {
            Scope::Built
        } else {
            Scope::BeforeBuild
        };
        container_texts(&job.container).for_each(|text| stage(text, scope));
    }
    for sidecar in &after_build.sidecars {
        let scope = if all_late { Scope::Built } else { Scope::BeforeBuild };
        container_texts(&sidecar.container).for_each(|text| stage(text, scope));
    }
    other_jobs(report, file);
}

fn other_jobs(report: &Report<'_>, file: &PipelineFile) {
    if let Some(PreBuildForm::Container(job)) = file.pre_build.as_ref().map(|stage| &stage.form) {
        container_texts(&job.container).for_each(|text| text_in(report, file, text, Scope::BeforeBuild));
    }
    if let Some(job) = &file.post_build {
        container_texts(&job.container).for_each(|text| text_in(report, file, text, Scope::Pushed));
    }
}

/// Every text of a container that is expanded.
pub(crate) fn container_texts(container: &ContainerSpec) -> impl Iterator<Item = &Spanned<String>> {
    container
        .image
        .iter()
        .chain(container.environment.iter().map(|pair| &pair.value))
}

/// Every text of an image that is expanded.
pub(crate) fn image_texts(image: &ImageSpec) -> impl Iterator<Item = &Spanned<String>> {
    let pairs = image.args.iter().chain(&image.labels).map(|pair| &pair.value);
    pairs.chain(&image.tags).chain(&image.repository)
}

fn text_in(report: &Report<'_>, file: &PipelineFile, text: &Spanned<String>, scope: Scope) {
    let images = || file.images().map(|image| image.name.value.as_str());
    for (name, _) in names_in(&text.value) {
        let is_input = || file.inputs.iter().any(|input| input.variable() == name);
        if is_known_variable(name, scope, images()) || is_input() {
            continue;
        }
        if let Some(input) = name.strip_prefix(VARIABLE_PREFIX)
            && is_name(&input.to_ascii_lowercase())
        {
            perhaps_elsewhere(report, file, (name, text));
            continue;
        }
        let later = is_known_variable(name, Scope::Pushed, images());
        let message = if later {
            format!("{} does not exist yet at this stage", quote(name))
        } else {
            format!("there is no variable {}", quote(name))
        };
        report.error_help(Code::UnknownVariable, text.span, message, help(file, name, later));
    }
}

/// The service may declare what the file does not; a run that then has no value is refused when it is planned.
fn perhaps_elsewhere(report: &Report<'_>, file: &PipelineFile, (name, text): (&str, &Spanned<String>)) {
    let message = format!("{} is of no input of this file", quote(name));
    let known: Vec<String> = file.inputs.iter().map(Input::variable).collect();
    let help = match nearest(name, known.iter().map(String::as_str)) {
        Some(right) => format!("did you mean `{right}`? Otherwise the service must declare it"),
        None => "declare it beneath `inputs`, or on the service: circle service inputs set".to_owned(),
    };
    report.warning(Code::UnknownVariable, text.span, message, help);
}

fn help(file: &PipelineFile, name: &str, later: bool) -> String {
    if later {
        return "images have names from build on, and digests after the push".to_owned();
    }
    let inputs: Vec<String> = file.inputs.iter().map(Input::variable).collect();
    let known = known_variables().map(|(known, _)| known);
    match nearest(name, known.chain(inputs.iter().map(String::as_str))) {
        Some(right) => format!("did you mean `{right}`?"),
        None => "only Circle's own variables are expanded here; in `commands` the shell expands all".to_owned(),
    }
}
