//! `circle lint`: everything that is wrong in a pipeline file, and the order of stages.

mod render;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use circle_core::pipeline::{
    Diagnostic, FILE_NAME, MAX_FILE_BYTES, PipelineFile, RootFolder, Source, check_secrets, parse, without_file,
};
use circle_core::plan::explain;
use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::exit::{Exit, Failure};
use crate::printer::Printer;

/// Check a pipeline file: every fault with its place and what to write, and the order of stages
///
/// Ends with 0 when the file can be used, with 1 when it cannot, with 2 when it cannot be read. Warnings do not count,
/// unless --strict is given.
#[derive(Debug, Args)]
pub(crate) struct LintArgs {
    /// The file; `-` reads standard input
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// How to answer; the same as --json
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    /// Treat warnings as errors
    #[arg(long)]
    strict: bool,
}

/// How to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// The answer for programs.
#[derive(Debug, Serialize)]
struct Answer {
    /// The name that the findings speak of.
    file: String,
    /// Whether the file can be used.
    ok: bool,
    /// In the order of the file.
    diagnostics: Vec<Diagnostic>,
    /// One line for each trigger rule; empty when the file cannot be used.
    order: Vec<String>,
}

/// What was read: a file, or the lack of one beside a Dockerfile.
#[derive(Debug)]
pub(in crate::commands) struct Found {
    name: String,
    text: String,
    pub(in crate::commands) file: Option<PipelineFile>,
    pub(in crate::commands) findings: Vec<Diagnostic>,
    from_dockerfile: bool,
}

pub(crate) fn lint(printer: &Printer, args: &LintArgs) -> anyhow::Result<Exit> {
    let mut found = find(args.file.as_deref())?;
    if let Some(file) = &found.file {
        found.findings.extend(check_secrets(file, None));
    }
    let order = found.file.as_ref().map(explain).unwrap_or_default();
    let ok = found.file.is_some() && (!args.strict || found.findings.is_empty());
    if args.format == Format::Json || printer.json {
        let answer = Answer {
            file: found.name,
            ok,
            diagnostics: found.findings,
            order,
        };
        printer.line(&serde_json::to_string_pretty(&answer)?)?;
    } else {
        printer.line(text(printer, &found, &order).trim_end())?;
    }
    Ok(if ok { Exit::Ok } else { Exit::Failed })
}

pub(in crate::commands) fn find(path: Option<&Path>) -> anyhow::Result<Found> {
    if path == Some(Path::new("-")) {
        return Ok(of_bytes("standard input".to_owned(), &bounded(io::stdin().lock())?));
    }
    let wanted = path.unwrap_or(Path::new(FILE_NAME));
    match File::open(wanted) {
        Ok(file) if file.metadata()?.is_file() => Ok(of_bytes(wanted.display().to_string(), &bounded(file)?)),
        Ok(_) => Err(Failure::usage(format!("{} is no file", wanted.display())).into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound && path.is_none() => {
            let root = RootFolder {
                has_dockerfile: Path::new("Dockerfile").is_file(),
            };
            match without_file(root) {
                Ok(file) => Ok(Found {
                    name: FILE_NAME.to_owned(),
                    text: String::new(),
                    file: Some(file),
                    findings: Vec::new(),
                    from_dockerfile: true,
                }),
                Err(findings) => Err(Failure::usage(findings[0].message.clone()).into()),
            }
        }
        Err(error) => Err(Failure::usage(format!("{} cannot be read: {error}", wanted.display())).into()),
    }
}

/// One byte more than the bound is enough for the parser to refuse the file.
fn bounded(from: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(MAX_FILE_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn of_bytes(name: String, bytes: &[u8]) -> Found {
    let (file, findings) = parse(&name, bytes);
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(MAX_FILE_BYTES)]).into_owned();
    Found {
        name,
        text,
        file,
        findings,
        from_dockerfile: false,
    }
}

pub(in crate::commands) fn text(printer: &Printer, read: &Found, order: &[String]) -> String {
    let source = Source::new(&read.name, &read.text);
    let mut out = String::new();
    for finding in &read.findings {
        out.push_str(&render::finding(&source, finding, printer));
        out.push_str("\n\n");
    }
    if read.from_dockerfile {
        out.push_str(&format!("There is no {FILE_NAME}; the Dockerfile is built.\n"));
    }
    for line in order {
        out.push_str(&format!("{line}\n"));
    }
    out.push_str(&summary(read));
    out
}

fn summary(read: &Found) -> String {
    let errors = read.findings.iter().filter(|one| one.is_error()).count();
    let warnings = read.findings.len() - errors;
    let counted = |number: usize, word: &str| format!("{number} {word}{}", if number == 1 { "" } else { "s" });
    match (errors, warnings) {
        (0, 0) => format!("{}: good", read.name),
        _ => format!(
            "{}: {}, {}",
            read.name,
            counted(errors, "error"),
            counted(warnings, "warning")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::{of_bytes, text};
    use crate::paint::Paint;
    use crate::printer::Printer;

    fn said(bytes: &[u8]) -> String {
        let printer = Printer {
            paint: Paint::off(),
            json: false,
            width: Some(100),
        };
        let read = of_bytes("caicloud.yml".to_owned(), bytes);
        let order = read.file.as_ref().map(super::explain).unwrap_or_default();
        text(&printer, &read, &order)
    }

    #[test]
    fn faults_are_shown_in_their_lines_even_behind_wide_characters() {
        let file = "integration:\n  image: busybox  # 集成测试\n  comands: [make]\n  environment: {\"名\": 1, A: no}\n";
        insta::assert_snapshot!(said(file.as_bytes()), @r#"
        error[unknown-key]: `integration` has no key `comands`
         --> caicloud.yml:3:3
          |
        3 |   comands: [make]
          |   ^^^^^^^
          |
          = help: did you mean `commands`?

        error[bad-value]: `名` cannot name a variable
         --> caicloud.yml:4:17
          |
        4 |   environment: {"名": 1, A: no}
          |                 ^^^^
          |
          = help: names have letters, digits and underscores, and begin with no digit

        error[ambiguous-word]: `no` means a truth value to some readers of YAML and a text to others
         --> caicloud.yml:4:28
          |
        4 |   environment: {"名": 1, A: no}
          |                             ^^
          |
          = help: write "no"

        caicloud.yml: 3 errors, 0 warnings
        "#);
    }

    #[test]
    fn what_is_no_text_is_shown_without_harm() {
        insta::assert_snapshot!(said(b"build:\n  context: \"\x1b[2J\"\n"), @r#"
        error[control-character]: the control character U+001B does not belong into a text file
         --> caicloud.yml:2:13
          |
        2 |   context: "␛[2J"
          |             ^

        caicloud.yml: 1 error, 0 warnings
        "#);
        insta::assert_snapshot!(said(b"build:\n  context: \"caf\xe9\"\n"), @r#"
        error[invalid-utf8]: the byte 0xe9 is no UTF-8
         --> caicloud.yml:2:16
          |
        2 |   context: "caf�"
          |                ^
          |
          = help: save the file as UTF-8

        caicloud.yml: 1 error, 0 warnings
        "#);
    }

    #[test]
    fn a_good_file_is_explained() {
        insta::assert_snapshot!(said(b"integration: {image: busybox, commands: [make]}\nbuild: {}\n"), @r#"
        pull_request: checkout → integration → build
        push: checkout → integration → build → push → deploy as the server's bindings say
        tag: checkout → integration → build → push → deploy as the server's bindings say
        caicloud.yml: good
        "#);
    }
}
