//! Only circle-store knows that there is a database or a broker.

use super::{Project, pattern};
use crate::check::finding::Finding;

const WHY: &str = "a database that leaks through the port can no longer be replaced by another";
const FIX: &str =
    "use the ports Store, LogBus and Leases; what is missing there is added there, with its conformance test";
const CRATES: &[&str] = &["rusqlite", "sqlx", "mongodb", "bson", "rdkafka", "etcd-client", "redis"];

pub(crate) fn check(project: &Project) -> Vec<Finding> {
    let mut found = Vec::new();
    for file in project
        .rust
        .iter()
        .filter(|file| !matches!(file.package.as_str(), "circle-store" | "circle-core" | "xtask"))
    {
        let paths =
            ["rusqlite", "sqlx", "mongodb", "bson", "rdkafka", "etcd_client", "redis"].map(|name| format!("{name}::"));
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        found.extend(pattern::find(&file.path, &file.code, &paths, WHY, FIX));
    }
    for package in project.packages.iter().filter(|package| package.name != "circle-store") {
        for dependency in package
            .dependencies
            .iter()
            .filter(|dependency| CRATES.contains(&dependency.name.as_str()))
        {
            let what = format!("{} depends on `{}`", package.name, dependency.name);
            found.push(Finding {
                file: package.manifest_path.clone(),
                line: 1,
                what,
                why: WHY,
                fix: FIX,
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
    fn a_database_is_named_in_the_store_only() {
        let text = "use rusqlite::Connection;";
        assert_eq!(
            Project::of(&[("crates/circle-server/src/a.rs", text)]).findings().len(),
            1
        );
        assert!(
            Project::of(&[("crates/circle-store/src/a.rs", text)])
                .findings()
                .is_empty()
        );
    }

    #[test]
    fn a_dependency_is_enough() {
        let package = |name: &str| Package {
            name: name.to_owned(),
            manifest_path: format!("crates/{name}/Cargo.toml"),
            dependencies: vec![Dependency {
                name: "mongodb".to_owned(),
            }],
        };
        let mut project = Project::of(&[]);
        project.packages = vec![package("circle-store"), package("circle-worker")];
        assert_eq!(project.findings(), ["crates/circle-worker/Cargo.toml:1"]);
    }
}
