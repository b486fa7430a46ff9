//! The way in: bytes to tree and findings.

use super::check::check_file;
use super::code::Code;
use super::diagnostic::Diagnostic;
use super::lower::lower_file;
use super::report::Report;
use super::source::{Source, Span};
use super::tree::PipelineFile;
use super::yaml::{decode, load};

/// The name that is looked for in a repository unless the service says another.
pub const FILE_NAME: &str = "caicloud.yml";

/// What the root folder of a checkout has, for a commit without a pipeline file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RootFolder {
    /// A file named `Dockerfile`.
    pub has_dockerfile: bool,
}

/// Reads a pipeline file. `file_name` is only spoken of.
///
/// The tree is there exactly when no finding is an error; warnings may stand beside it. Findings are in the order of the
/// file and at most [`super::MAX_DIAGNOSTICS`] and one. Never panics.
pub fn parse(file_name: &str, bytes: &[u8]) -> (Option<PipelineFile>, Vec<Diagnostic>) {
    let source = decode(file_name, bytes);
    let report = Report::new(&source);
    let loaded = load(bytes, &report);
    let Some(stop) = loaded.stopped else {
        let file = lower_file(&report, loaded.root.as_deref());
        if let Some(file) = &file {
            check_file(&report, file);
        }
        let good = !report.has_errors();
        let findings = report.finish();
        let file = file.filter(|_| good).map(|file| PipelineFile {
            warnings: findings.clone(),
            ..file
        });
        return (file, findings);
    };
    // What stands above the place where reading stopped is still worth checking, except for what may be missing only
    // because the rest was not read.
    if loaded.root.is_some() {
        report.only_before(stop);
        lower_file(&report, loaded.root.as_deref());
    }
    (None, report.finish())
}

/// The plan of a commit without a pipeline file: its Dockerfile is built.
///
/// # Errors
/// One finding when there is no Dockerfile either.
pub fn without_file(root: RootFolder) -> Result<PipelineFile, Vec<Diagnostic>> {
    if root.has_dockerfile {
        let (file, findings) = parse(FILE_NAME, b"build: {}\n");
        return file.ok_or(findings);
    }
    let source = Source::new(FILE_NAME, "");
    let message =
        format!("there is neither a pipeline file `{FILE_NAME}` nor a `Dockerfile` in the root of the repository");
    let help = "add one of them; `build: {}` in the pipeline file builds the Dockerfile";
    Err(vec![
        Diagnostic::error(&source, Code::NothingToRun, Span::START, message).help(help),
    ])
}
