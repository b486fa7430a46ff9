//! Stages of trigger rules that could not do anything.

use crate::pipeline::code::Code;
use crate::pipeline::report::Report;
use crate::pipeline::source::Span;
use crate::pipeline::tree::{PipelineFile, StageName, StageSet, TriggerRule};

pub(super) fn check(report: &Report<'_>, file: &PipelineFile) {
    for rule in file.triggers.iter().flatten() {
        named_sections(report, file, rule);
        without_push(report, file, rule);
        without_build(report, file, rule);
    }
}

fn has(file: &PipelineFile, stage: StageName) -> bool {
    match stage {
        StageName::Integration => file.integration.is_some(),
        StageName::PreBuild => file.pre_build.is_some(),
        StageName::Build => file.build.is_some(),
        StageName::PostBuild => file.post_build.is_some(),
        // Without the section the bindings on the server may apply.
        StageName::Deploy => file.deploy.is_some() || file.build.is_some(),
    }
}

fn named_sections(report: &Report<'_>, file: &PipelineFile, rule: &TriggerRule) {
    let StageSet::Only(stages) = &rule.stages else { return };
    for stage in stages.iter().filter(|stage| !has(file, stage.value)) {
        let word = stage.value.word();
        let message = format!("the rule names `{word}`, but the file has no such section");
        report.error_help(
            Code::NothingToDo,
            stage.span,
            message,
            format!("remove `{word}` from `stages`, or write the section"),
        );
    }
}

fn without_push(report: &Report<'_>, file: &PipelineFile, rule: &TriggerRule) {
    let Some(never) = rule.push_never.filter(|_| file.build.is_some()) else {
        return;
    };
    for (stage, present) in [
        (StageName::PostBuild, file.post_build.is_some()),
        (StageName::Deploy, file.deploy.is_some()),
    ] {
        if present && rule.stages.contains(stage) {
            let message = format!(
                "`push: never` leaves nothing for `{}`, which follows the push",
                stage.word()
            );
            let help = "write `stages: [integration, pre_build, build]`, as far as the file has them";
            report.error_help(Code::NothingToDo, place_of(rule, stage).unwrap_or(never), message, help);
        }
    }
}

fn without_build(report: &Report<'_>, file: &PipelineFile, rule: &TriggerRule) {
    if rule.stages.contains(StageName::Build) {
        return;
    }
    let uses_image = |stage: StageName| match stage {
        StageName::Deploy => file.build.is_some(),
        StageName::PostBuild => file
            .post_build
            .as_ref()
            .and_then(|job| job.container.image.as_ref())
            .is_some_and(|image| image.value.starts_with("BUILT_IMAGE")),
        _ => false,
    };
    for stage in [StageName::PostBuild, StageName::Deploy] {
        if let Some(place) = place_of(rule, stage).filter(|_| uses_image(stage)) {
            let message = format!("`{}` needs an image, but the rule leaves out `build`", stage.word());
            report.error_help(Code::NothingToDo, place, message, "add `build` to `stages`");
        }
    }
}

fn place_of(rule: &TriggerRule, stage: StageName) -> Option<Span> {
    match &rule.stages {
        StageSet::All => None,
        StageSet::Only(list) => list.iter().find(|one| one.value == stage).map(|one| one.span),
    }
}
