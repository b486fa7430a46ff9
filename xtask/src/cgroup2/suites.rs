//! The test programs of cells, as cargo builds them.

use std::path::PathBuf;

use anyhow::{Result, ensure};

use crate::process::{self, command};

/// Builds these suites and says where each lies.
pub(super) fn build(suites: &[String]) -> Result<Vec<PathBuf>> {
    let mut cargo = command("cargo");
    cargo.args(["test", "--no-run", "--locked", "--workspace", "--message-format=json"]);
    for suite in suites {
        cargo.args(["--test", suite]);
    }
    let messages = process::output(&mut cargo)?;
    let programs: Vec<PathBuf> = messages.lines().filter_map(program_of_cells).collect();
    ensure!(
        programs.len() == suites.len(),
        "circle-cell has other suites than {}: see crates/circle-cell/tests",
        suites.join(", ")
    );
    Ok(programs)
}

/// Other packages may have a suite of the same name.
fn program_of_cells(message: &str) -> Option<PathBuf> {
    let message: serde_json::Value = serde_json::from_str(message).ok()?;
    let source = message.get("target")?.get("src_path")?.as_str()?;
    let program = message.get("executable")?.as_str()?;
    source.contains("circle-cell/tests/").then(|| PathBuf::from(program))
}

#[cfg(test)]
mod tests {
    use super::program_of_cells;

    #[test]
    fn the_program_of_a_suite_is_told_from_other_messages() {
        let built = r#"{"target":{"src_path":"/c/crates/circle-cell/tests/life.rs"},"executable":"/t/life-1"}"#;
        assert_eq!(program_of_cells(built), Some("/t/life-1".into()));
        let other = built.replace("circle-cell", "circle-test");
        for message in [
            other.as_str(),
            r#"{"reason":"build-finished"}"#,
            "not JSON",
            &built.replace("\"/t/life-1\"", "null"),
        ] {
            assert_eq!(program_of_cells(message), None, "{message}");
        }
    }
}
