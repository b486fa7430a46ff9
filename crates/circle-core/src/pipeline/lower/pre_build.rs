//! `pre_build` in both its forms.

use super::build::image_source;
use super::fields::Fields;
use super::job::{job, limits};
use super::outputs::outputs;
use crate::pipeline::code::Code;
use crate::pipeline::keys::PRE_BUILD;
use crate::pipeline::report::Report;
use crate::pipeline::source::Spanned;
use crate::pipeline::tree::{PreBuildForm, PreBuildSection};
use crate::pipeline::yaml::Entry;

const DOCKERFILE_KEYS: [&str; 6] = [
    "dockerfile",
    "dockerfile_name",
    "context",
    "context_dir",
    "target",
    "args",
];
const CONTAINER_KEYS: [&str; 28] = [
    "image",
    "commands",
    "finally",
    "environment",
    "shell",
    "working_dir",
    "user",
    "volumes",
    "tmpfs",
    "caches",
    "resources",
    "mem_limit",
    "extra_hosts",
    "dns",
    "links",
    "ports",
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
];

/// Lowers the section.
pub(super) fn pre_build(report: &Report<'_>, entry: &Entry) -> Option<PreBuildSection> {
    let fields = Fields::read(report, &entry.value, &PRE_BUILD)?;
    let name = Spanned::new("pre_build".to_owned(), entry.key.span);
    let outputs = fields
        .get(report, "outputs")
        .map_or_else(Vec::new, |node| outputs(report, node));
    if fields
        .first_of(&["outputs"])
        .is_none_or(|entry| entry.value.is_empty_list())
    {
        let message = "`pre_build` has no outputs: nothing that it writes reaches later stages";
        report.warning(
            Code::NoOutputs,
            name.span,
            message,
            "name files and folders in `outputs`",
        );
    }
    let form = if fields.first_of(&DOCKERFILE_KEYS).is_some() {
        if let Some(other) = fields.first_of(&CONTAINER_KEYS) {
            let message = format!(
                "the Dockerfile form of `pre_build` wins; `{}` has no effect",
                other.key.value
            );
            report.warning(Code::BothForms, other.key.span, message, "keep one of both forms");
        }
        PreBuildForm::Dockerfile(Box::new(image_source(report, &fields, name)))
    } else {
        PreBuildForm::Container(Box::new(job(report, &fields, &name)))
    };
    Some(PreBuildSection {
        form,
        outputs,
        limits: limits(report, &fields),
    })
}
