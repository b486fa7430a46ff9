//! Secrets: their names against the environment, and against what the server has.

use std::collections::BTreeSet;

use crate::pipeline::code::Code;
use crate::pipeline::diagnostic::Diagnostic;
use crate::pipeline::report::{Report, quote};
use crate::pipeline::source::Spanned;
use crate::pipeline::suggest::nearest;
use crate::pipeline::tree::PipelineFile;

/// Checks the secrets of a file against those that the service may use; `None` = nobody knows, as on a laptop without a
/// server, which is one warning.
pub fn check_secrets(file: &PipelineFile, known: Option<&BTreeSet<String>>) -> Vec<Diagnostic> {
    let report = Report::new(&file.source);
    match known {
        Some(known) => undefined(&report, file.secret_uses(), known),
        None => {
            if let Some(first) = file.secret_uses().next() {
                let names: Vec<&str> = file.secrets().into_iter().collect();
                let message = format!(
                    "whether these secrets exist cannot be said without a server: {}",
                    names.join(", ")
                );
                report.warning(
                    Code::SecretsUnchecked,
                    first.span,
                    message,
                    "on the server an unknown secret is an error",
                );
            }
        }
    }
    report.finish()
}

/// Reports those secrets that are not among the known ones.
pub(crate) fn undefined<'s>(
    report: &Report<'_>,
    uses: impl IntoIterator<Item = &'s Spanned<String>>,
    known: &BTreeSet<String>,
) {
    for used in uses.into_iter().filter(|used| !known.contains(&used.value)) {
        let message = format!("there is no secret {} that this run may read", quote(&used.value));
        let help = match nearest(&used.value, known.iter().map(String::as_str)) {
            Some(right) => format!("did you mean `{right}`?"),
            None => format!("add it with `circle secret add {}`", used.value),
        };
        report.error_help(Code::UndefinedSecret, used.span, message, help);
    }
}

/// A name that is both a secret and a variable of the same container.
pub(super) fn check_names(report: &Report<'_>, file: &PipelineFile) {
    for container in file.containers() {
        let variables = container.secrets.iter();
        for secret in variables.filter(|secret| !container.secret_files.contains_key(&secret.value)) {
            if container.environment.iter().any(|pair| pair.name.value == secret.value) {
                let message = format!(
                    "{} is a secret and a variable of the same container",
                    quote(&secret.value)
                );
                report.error_help(
                    Code::Duplicate,
                    secret.span,
                    message,
                    "remove it from `environment` or from `secrets`",
                );
            }
        }
    }
}
