//! The project's own rules, run over every file, and the budgets, printed as tables.

use anyhow::{Result, bail};

use super::rules::{self, Project};
use super::{budgets, source};

/// Prints findings and budgets; an error when there is a finding or a hard limit is passed.
pub(crate) fn run() -> Result<()> {
    let texts = source::text_files()?;
    let rust = source::rust_files(&texts);
    let project = Project {
        texts,
        rust,
        packages: rules::packages()?,
        core_closure: rules::closure_of("circle-core")?,
    };
    let mut findings = rules::all(&project);
    findings.extend(budgets::report(&project.rust));
    findings.sort();
    for finding in &findings {
        eprintln!("{finding}");
    }
    if !findings.is_empty() {
        bail!("{} to mend", findings.len());
    }
    Ok(())
}

/// The threat model with the tests that the code has.
pub(crate) fn threats(page: &str) -> Result<String> {
    let rust = source::rust_files(&source::text_files()?);
    Ok(rules::with_tests(page, &rust))
}
