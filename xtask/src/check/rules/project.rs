//! What the rules look at, and all of them at once.

use super::packages::Package;
use super::{consumers, core_is_pure, databases, habits, kernel, machines, threats};
use crate::check::finding::Finding;
use crate::check::source::{RustFile, TextFile};

/// All that rules look at.
pub(crate) struct Project {
    pub(crate) texts: Vec<TextFile>,
    pub(crate) rust: Vec<RustFile>,
    pub(crate) packages: Vec<Package>,
    /// Names of all crates that circle-core is compiled with.
    pub(crate) core_closure: Vec<String>,
}

/// What every rule found, less what says `tidy-ok:`.
pub(crate) fn all(project: &Project) -> Vec<Finding> {
    let rules = [
        core_is_pure::check,
        databases::check,
        kernel::check,
        consumers::check,
        habits::check,
        machines::check,
        threats::check,
    ];
    let mut findings: Vec<Finding> = rules.iter().flat_map(|rule| rule(project)).collect();
    findings.retain(|finding| !is_excused(project, finding));
    findings
}

fn is_excused(project: &Project, finding: &Finding) -> bool {
    let Some(file) = project.texts.iter().find(|file| file.path == finding.file) else {
        return false;
    };
    let above = finding.line.saturating_sub(2);
    file.text
        .lines()
        .skip(above)
        .take(finding.line - above)
        .any(|line| line.contains("tidy-ok: "))
}

#[cfg(test)]
impl Project {
    /// A project of the files given: path and text.
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let texts: Vec<TextFile> = files
            .iter()
            .map(|(path, text)| TextFile {
                path: (*path).to_owned(),
                text: (*text).to_owned(),
            })
            .collect();
        let rust = crate::check::source::rust_files(&texts);
        Self {
            texts,
            rust,
            packages: Vec::new(),
            core_closure: Vec::new(),
        }
    }

    /// `file:line` of all that the rules find.
    pub(crate) fn findings(&self) -> Vec<String> {
        all(self)
            .iter()
            .map(|finding| format!("{}:{}", finding.file, finding.line))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_beside_the_line_excuses_it() {
        let file = "crates/circle-core/src/a.rs";
        let bare = "fn a() {\n    std::fs::read(x);\n}\n";
        let excused = "fn a() {\n    // tidy-ok: the reason\n    std::fs::read(x);\n}\n";
        let too_far = "// tidy-ok: the reason\nfn a() {\n    std::fs::read(x);\n}\n";
        assert_eq!(Project::of(&[(file, bare)]).findings(), [format!("{file}:2")]);
        assert!(Project::of(&[(file, excused)]).findings().is_empty());
        assert_eq!(Project::of(&[(file, too_far)]).findings(), [format!("{file}:3")]);
    }
}
