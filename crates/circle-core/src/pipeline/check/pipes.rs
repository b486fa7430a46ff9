//! Pipes under `sh`, whose first commands may fail unseen.

use crate::pipeline::code::Code;
use crate::pipeline::report::Report;
use crate::pipeline::tree::PipelineFile;
use crate::plan::Shell;

pub(super) fn check(report: &Report<'_>, file: &PipelineFile) {
    for job in file.jobs().filter(|job| job.shell == Shell::Sh) {
        for command in job.commands.iter().filter(|command| has_pipe(&command.value)) {
            let message = "under `sh` only the last command of a pipe can fail";
            report.warning(
                Code::PipeWithoutPipefail,
                command.span,
                message,
                "write `shell: bash`, which sets pipefail, if the image has it",
            );
        }
    }
}

/// Whether a line has a `|` that a shell would take for a pipe: outside quotes and comments, not doubled, not `>|`.
fn has_pipe(command: &str) -> bool {
    let mut quote: Option<char> = None;
    let mut before = '\n';
    let mut chars = command.chars().peekable();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None | Some('"'), '\\') => drop(chars.next()),
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '#') if before.is_whitespace() => while chars.next_if(|c| *c != '\n').is_some() {},
            (None, '|') if chars.next_if_eq(&'|').is_some() => {}
            (None, '|') if before == '>' => {}
            // In `case` a bar separates patterns; a line that ends a pattern with `)` is left alone.
            (None, '|') => return !command.contains("case "),
            (None, _) => {}
        }
        before = c;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::has_pipe;

    #[test]
    fn pipes_are_told_from_what_looks_like_them() {
        for command in ["a | b", "a|b", "a |& b", "x || y | z"] {
            assert!(has_pipe(command), "{command}");
        }
        for command in [
            "a || b",
            "echo 'a | b'",
            "echo \"a|b\"",
            "a \\| b",
            "a >| b",
            "true # a | b",
            "case $x in a|b) y;; esac",
        ] {
            assert!(!has_pipe(command), "{command}");
        }
    }
}
