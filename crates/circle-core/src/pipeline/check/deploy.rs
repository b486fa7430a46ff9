//! Steps of `deploy`: their images, and what waits for what.

use std::collections::{BTreeMap, BTreeSet};

use super::images::among;
use crate::pipeline::code::Code;
use crate::pipeline::report::{Report, quote};
use crate::pipeline::source::Spanned;
use crate::pipeline::suggest::nearest;
use crate::pipeline::tree::{DeployEntry, PipelineFile};

pub(super) fn check(report: &Report<'_>, file: &PipelineFile) {
    let steps = file.deploy.as_deref().unwrap_or_default();
    for step in steps {
        image(report, file, step);
    }
    twice(report, steps);
    if needs_exist(report, steps) {
        cycles(report, steps);
    }
}

fn image(report: &Report<'_>, file: &PipelineFile, step: &DeployEntry) {
    let names: Vec<&str> = file.images().map(|image| image.name.value.as_str()).collect();
    let place = step.environment.span;
    match (&step.image, names.as_slice()) {
        (_, []) => {
            let help = "add `build: {}`: what is deployed is what this run built";
            report.error_help(Code::UnknownImage, place, "`deploy` needs a `build` section", help);
        }
        (None, [_]) => {}
        (None, many) => {
            let name = &step.environment.value;
            let message = format!("several images are built; the step for `{name}` does not say which");
            let help = format!("write `image:` with one of: {}", many.join(", "));
            report.error_help(Code::UnknownImage, place, message, help);
        }
        (Some(image), many) => among(report, &image.value, image.span, many),
    }
}

fn twice(report: &Report<'_>, steps: &[DeployEntry]) {
    let mut seen: BTreeSet<(&str, Option<&str>)> = BTreeSet::new();
    for step in steps {
        let image = step.image.as_ref().map(|image| image.value.as_str());
        if !seen.insert((&step.environment.value, image)) {
            let message = format!("the image goes to `{}` twice", step.environment.value);
            report.error_help(
                Code::Duplicate,
                step.environment.span,
                message,
                "remove one of the steps",
            );
        }
    }
}

fn needs_exist(report: &Report<'_>, steps: &[DeployEntry]) -> bool {
    let known: BTreeSet<&str> = steps.iter().map(|step| step.environment.value.as_str()).collect();
    let mut all = true;
    for need in steps.iter().flat_map(|step| &step.needs) {
        if known.contains(need.value.as_str()) {
            continue;
        }
        all = false;
        let help = match nearest(&need.value, known.iter().copied()) {
            Some(right) => format!("did you mean `{right}`?"),
            None => "name an environment of this list".to_owned(),
        };
        report.error_help(
            Code::UnknownEnvironment,
            need.span,
            format!("no step deploys to {}", quote(&need.value)),
            help,
        );
    }
    all
}

/// Takes away environments that wait for nothing until none is left; what stays waits for itself.
fn cycles(report: &Report<'_>, steps: &[DeployEntry]) {
    let mut waiting: BTreeMap<&str, Vec<&Spanned<String>>> = BTreeMap::new();
    for step in steps {
        waiting.entry(&step.environment.value).or_default().extend(&step.needs);
    }
    loop {
        let free: Vec<&str> = waiting
            .iter()
            .filter(|(_, needs)| needs.iter().all(|need| !waiting.contains_key(need.value.as_str())))
            .map(|(name, _)| *name)
            .collect();
        if free.is_empty() {
            break;
        }
        waiting.retain(|name, _| !free.contains(name));
    }
    while let Some(start) = waiting.keys().next().copied() {
        let cycle = walk(&waiting, start);
        let words: Vec<&str> = cycle.iter().map(|need| need.value.as_str()).collect();
        let message = format!(
            "these environments wait for each other: {} → {}",
            words.join(" → "),
            words[0]
        );
        report.error_help(Code::NeedsCycle, cycle[0].span, message, "remove one of the `needs`");
        waiting.retain(|name, needs| {
            !words.contains(name) && needs.iter().any(|need| !words.contains(&need.value.as_str()))
        });
    }
}

/// Follows from each environment one that it waits for, until one comes again; the answer is that circle.
fn walk<'s>(waiting: &BTreeMap<&str, Vec<&'s Spanned<String>>>, start: &str) -> Vec<&'s Spanned<String>> {
    let mut path: Vec<&Spanned<String>> = Vec::new();
    let mut at = start;
    loop {
        let next = waiting
            .get(at)
            .into_iter()
            .flatten()
            .find(|need| waiting.contains_key(need.value.as_str()));
        let Some(next) = next else { return path };
        if let Some(first) = path.iter().position(|need| need.value == next.value) {
            return path.split_off(first);
        }
        path.push(next);
        at = &next.value;
    }
}
