//! `circle doctor`: what this machine can do and what to install, each in one sentence.

mod finding;
mod machine;
mod network;
mod tools;

use clap::Args;

use crate::context::Context;
use crate::exit::Exit;
use crate::paint::Tone;
use crate::printer::Printer;
use finding::{Finding, Grade};

/// Say what this machine can do, and what to install
///
/// Exit code 1 when something is missing that Circle needs here.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {}

pub(crate) fn doctor(context: &Context, _args: &DoctorArgs) -> anyhow::Result<Exit> {
    let data = context.args.data.as_path();
    let folder = data.ancestors().find(|path| path.is_dir()).unwrap_or(data);
    let mut findings: Vec<Finding> = circle_cell::probe::facts(folder)
        .into_iter()
        .map(Finding::from)
        .collect();
    findings.extend(tools::findings());
    findings.push(machine::memory());
    findings.push(machine::cells());
    findings.push(machine::containers());
    findings.push(network::port());
    context.printer.show(&findings, |printer| text(&findings, printer))?;
    let missing = findings.iter().any(|finding| finding.grade == Grade::Missing);
    Ok(if missing { Exit::Failed } else { Exit::Ok })
}

fn text(findings: &[Finding], printer: &Printer) -> String {
    let mut lines: Vec<String> = findings.iter().map(|finding| line(finding, printer)).collect();
    let missing = findings
        .iter()
        .filter(|finding| finding.grade == Grade::Missing)
        .count();
    lines.push(String::new());
    lines.push(match missing {
        0 => printer.paint.tone(Tone::Good, "Circle can run here: circle up"),
        1 => printer
            .paint
            .tone(Tone::Bad, "One thing is missing that Circle needs here."),
        more => printer
            .paint
            .tone(Tone::Bad, &format!("{more} things are missing that Circle needs here.")),
    });
    lines.join("\n")
}

fn line(finding: &Finding, printer: &Printer) -> String {
    let (mark, tone) = match finding.grade {
        Grade::Good => ("✓", Tone::Good),
        Grade::Limited => ("!", Tone::Warn),
        Grade::Missing => ("✗", Tone::Bad),
    };
    let advice = finding
        .advice
        .as_ref()
        .map(|advice| format!(" {advice}"))
        .unwrap_or_default();
    format!(
        "{} {:<12} {}{advice}",
        printer.paint.tone(tone, mark),
        finding.name,
        finding.sentence
    )
}

#[cfg(test)]
mod tests {
    use super::finding::Finding;
    use super::text;
    use crate::paint::Paint;
    use crate::printer::Printer;

    #[test]
    fn each_finding_is_one_line_with_its_advice() {
        let findings = [
            Finding::good("git", "git 2.39.5 is installed."),
            Finding::limited("ipvs", "IPVS is not in this kernel.", "Publish with mode=host."),
            Finding::missing("dockerd", "dockerd is not installed.", "Install docker.io."),
        ];
        insta::assert_snapshot!(text(
            &findings,
            &Printer {
                paint: Paint::off(),
                json: false,
                width: None
            }
        ));
    }
}
