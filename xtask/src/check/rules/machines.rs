//! Nothing in the clone knows the machine it was written on, or a registry's host.

use super::Project;
use crate::check::finding::Finding;

/// Folders of machines, not of containers: `root`'s home in an image is nobody's. Written in halves, so that this file does not find itself.
const PATHS: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/.cargo"),
    concat!("/ro", "ot/.rustup"),
    concat!("/ro", "ot/.pyenv"),
    concat!("/ro", "ot/.cache/circle"),
    concat!("/home", "/runner"),
    concat!("/Use", "rs/"),
];
const HOSTS: &[&str] = &[
    concat!("deb.", "debian.org"),
    concat!("archive.", "ubuntu.com"),
    concat!("registry.", "npmjs.org"),
    concat!("files.", "pythonhosted.org"),
    concat!("pypi.", "org/simple"),
    concat!("index.", "crates.io"),
    concat!("static.", "crates.io"),
    concat!("proxy.", "golang.org"),
    concat!("repo1.", "maven.org"),
    concat!("registry-1.", "docker.io"),
    concat!("ghcr", ".io/"),
    concat!("quay", ".io/"),
];

pub(crate) fn check(project: &Project) -> Vec<Finding> {
    let mut found = Vec::new();
    // Cargo writes the lock file, and it names where every crate came from.
    for file in project.texts.iter().filter(|file| file.path != "Cargo.lock") {
        for (index, line) in file.text.lines().enumerate() {
            let named = |kind: &str, pattern: &str| Finding {
                file: file.path.clone(),
                line: index + 1,
                what: format!("the {kind} `{pattern}`"),
                why: "the clone must work on every machine, behind every mirror",
                fix: "take it from the configuration, the environment or the ordinary client",
            };
            found.extend(
                PATHS
                    .iter()
                    .filter(|path| has_path(line, path))
                    .map(|path| named("machine path", path)),
            );
            found.extend(
                HOSTS
                    .iter()
                    .filter(|host| line.contains(*host))
                    .map(|host| named("registry host", host)),
            );
        }
    }
    found
}

/// An absolute path begins where no word and no other folder stands before it: `./work/x` and `a/work/x` are relative.
fn has_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '}' | '*'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_and_hosts_are_found_in_any_file() {
        let path = concat!("cd /wo", "rk/main\n");
        let host = concat!("see\nhttp://deb.", "debian.org/debian\n");
        assert_eq!(Project::of(&[("README.md", path)]).findings(), ["README.md:1"]);
        assert_eq!(Project::of(&[("docs/a.md", host)]).findings(), ["docs/a.md:2"]);
        assert!(Project::of(&[("Cargo.lock", host)]).findings().is_empty());
    }

    #[test]
    fn relative_paths_and_the_workspace_folder_are_free() {
        assert!(
            Project::of(&[("a.md", concat!("target/wo", "rk/x and /workspace/y"))])
                .findings()
                .is_empty()
        );
    }
}
