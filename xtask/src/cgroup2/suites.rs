//! The test programs, as cargo builds them.

use std::path::PathBuf;

use anyhow::{Result, bail, ensure};

use crate::process::{self, command};

/// Whose suites are meant when no package is named.
const CELLS: &str = "circle-cell";

/// Builds these suites, each `SUITE` or `PACKAGE/SUITE`, and says where each lies.
pub(super) fn build(suites: &[String]) -> Result<Vec<PathBuf>> {
    let named: Vec<(&str, &str)> = suites.iter().map(|suite| package_and_name(suite)).collect();
    let mut cargo = command("cargo");
    cargo.args(["test", "--no-run", "--locked", "--workspace", "--message-format=json"]);
    for (_, name) in &named {
        cargo.args(["--test", name]);
    }
    let messages = process::output(&mut cargo)?;
    let mut programs = Vec::new();
    for (package, name) in named {
        match messages.lines().find_map(|message| program_of(message, package, name)) {
            Some(program) => programs.push(program),
            None => bail!("{package} has no suite {name}: see crates/{package}/tests"),
        }
    }
    ensure!(!programs.is_empty(), "there is nothing to run");
    Ok(programs)
}

fn package_and_name(suite: &str) -> (&str, &str) {
    suite.split_once('/').unwrap_or((CELLS, suite))
}

/// Packages have suites of the same name.
fn program_of(message: &str, package: &str, name: &str) -> Option<PathBuf> {
    let message: serde_json::Value = serde_json::from_str(message).ok()?;
    let source = message.get("target")?.get("src_path")?.as_str()?;
    let program = message.get("executable")?.as_str()?;
    let is_it = source.ends_with(&format!("/{package}/tests/{name}.rs"));
    is_it.then(|| PathBuf::from(program))
}

#[cfg(test)]
mod tests {
    use super::{package_and_name, program_of};

    #[test]
    fn the_program_of_a_suite_is_told_from_other_messages() {
        let built = r#"{"target":{"src_path":"/c/crates/circle-cell/tests/life.rs"},"executable":"/t/life-1"}"#;
        assert_eq!(program_of(built, "circle-cell", "life"), Some("/t/life-1".into()));
        assert_eq!(program_of(built, "circle-cell", "death"), None);
        let other = built.replace("circle-cell", "circle-test");
        for message in [
            other.as_str(),
            r#"{"reason":"build-finished"}"#,
            "not JSON",
            &built.replace("\"/t/life-1\"", "null"),
        ] {
            assert_eq!(program_of(message, "circle-cell", "life"), None, "{message}");
        }
    }

    #[test]
    fn a_suite_without_a_package_is_one_of_the_cells() {
        assert_eq!(package_and_name("life"), ("circle-cell", "life"));
        assert_eq!(package_and_name("circle-worker/bounds"), ("circle-worker", "bounds"));
    }
}
