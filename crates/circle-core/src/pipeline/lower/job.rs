//! Containers that run commands of the file.

use super::container::job_container;
use super::fields::Fields;
use super::scalar::{boolean, choice, duration, integer, list, written};
use crate::pipeline::bounds::{MAX_STAGE_TIMEOUT_S, MAX_TRIES};
use crate::pipeline::code::Code;
use crate::pipeline::keys::RETRY;
use crate::pipeline::report::Report;
use crate::pipeline::source::Spanned;
use crate::pipeline::tree::{Job, Limits};
use crate::pipeline::yaml::Node;
use crate::plan::{Retry, RetryWhen, Shell};

/// Lowers a job that was found to be wanted. `name` is where a missing key is reported.
pub(super) fn job(report: &Report<'_>, fields: &Fields<'_>, name: &Spanned<String>) -> Job {
    fields.require(report, "image", name.span);
    let shell = fields.get(report, "shell").and_then(|node| shell(report, node));
    let commands = commands(report, fields, "commands");
    let given = fields.first_of(&["commands"]);
    if given.is_none_or(|entry| entry.value.is_empty_list()) {
        let place = given.map_or(name.span, |entry| entry.key.span);
        let message = format!("`{}` has no commands, so it would do nothing", name.value);
        fields.nothing_to_do(report, place, &message, "write `commands`, or remove it");
    }
    Job {
        container: job_container(report, fields),
        finally: self::commands(report, fields, "finally"),
        commands,
        shell: shell.unwrap_or(Shell::Sh),
        limits: limits(report, fields),
        docker: fields
            .get(report, "docker")
            .is_some_and(|node| boolean(report, node, "docker") == Some(true)),
        after_build: false,
        name: name.clone(),
    }
}

/// `timeout` and `retry`.
pub(super) fn limits(report: &Report<'_>, fields: &Fields<'_>) -> Limits {
    Limits {
        timeout_s: fields
            .get(report, "timeout")
            .and_then(|node| duration(report, node, "timeout", MAX_STAGE_TIMEOUT_S)),
        retry: fields.get(report, "retry").and_then(|node| retry(report, node)),
    }
}

fn commands(report: &Report<'_>, fields: &Fields<'_>, name: &'static str) -> Vec<Spanned<String>> {
    let Some(node) = fields.get(report, name) else {
        return Vec::new();
    };
    list(report, node, name, |item| {
        let command = written(report, item, name)?;
        let blank = command.value.trim().is_empty();
        if blank {
            report.error(Code::NothingToDo, item.span, format!("an entry of `{name}` is empty"));
        }
        (!blank).then_some(command)
    })
}

fn shell(report: &Report<'_>, node: &Node) -> Option<Shell> {
    choice(report, node, "shell", &[("sh", Shell::Sh), ("bash", Shell::Bash)])
}

fn retry(report: &Report<'_>, node: &Node) -> Option<Retry> {
    let fields = Fields::read(report, node, &RETRY)?;
    let max = fields
        .get(report, "max")
        .and_then(|node| integer(report, node, "max", 1, u64::from(MAX_TRIES)));
    let words = [
        ("infrastructure", RetryWhen::Infrastructure),
        ("always", RetryWhen::Always),
    ];
    let when = fields
        .get(report, "when")
        .and_then(|node| choice(report, node, "when", &words));
    Some(Retry {
        max: max.and_then(|max| u32::try_from(max).ok()).unwrap_or(1),
        when: when.unwrap_or(RetryWhen::Infrastructure),
    })
}
