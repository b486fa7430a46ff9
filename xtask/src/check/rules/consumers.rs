//! Server and worker are leaves: only the binary and the harness put them together.

use super::Project;
use crate::check::finding::Finding;

const LEAVES: &[&str] = &["circle-server", "circle-worker"];
const MAY: &[&str] = &["circle-cli", "circle-test"];

pub(crate) fn check(project: &Project) -> Vec<Finding> {
    let mut found = Vec::new();
    for package in project
        .packages
        .iter()
        .filter(|package| !MAY.contains(&package.name.as_str()))
    {
        for dependency in package
            .dependencies
            .iter()
            .filter(|dependency| LEAVES.contains(&dependency.name.as_str()))
        {
            found.push(Finding {
                file: package.manifest_path.clone(),
                line: 1,
                what: format!("{} depends on {}", package.name, dependency.name),
                why: "the two sides of the worker protocol stay apart only while nothing imports them",
                fix: "move what both need to circle-core (meaning) or circle-api (wire)",
            });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::packages::{Dependency, Package};
    use super::*;

    #[test]
    fn only_the_binary_and_the_harness_import_the_leaves() {
        let package = |name: &str| Package {
            name: name.to_owned(),
            manifest_path: format!("crates/{name}/Cargo.toml"),
            dependencies: vec![Dependency {
                name: "circle-worker".to_owned(),
            }],
        };
        let mut project = Project::of(&[]);
        project.packages = vec![package("circle-cli"), package("circle-server"), package("circle-test")];
        assert_eq!(project.findings(), ["crates/circle-server/Cargo.toml:1"]);
    }
}
