//! Only circle-cell talks to the kernel about namespaces, mounts and cgroups, and only there is `unsafe`.

use super::{Project, pattern};
use crate::check::finding::Finding;
use crate::check::lexer::{line_of, words};

const WHY: &str =
    "isolation is one crate's promise; a second place that makes mounts or namespaces is one nobody cleans up";
const FIX: &str = "ask circle-cell for what you need";
const CALLS: &[&str] = &["nix::mount", "nix::sched", "unshare(", "setns(", "pivot_root"];
const PATHS: &[&str] = &["/sys/fs/cgroup"];

pub(crate) fn check(project: &Project) -> Vec<Finding> {
    let mut found = Vec::new();
    for file in &project.rust {
        if file.package == "circle-cell" {
            found.extend(unexplained_unsafe(&file.path, &file.text, &file.code));
            continue;
        }
        found.extend(pattern::find(
            &file.path,
            &file.code,
            &["unsafe"],
            "memory safety is argued in one crate",
            "use a safe API, or move this into circle-cell",
        ));
        if file.package == "xtask" {
            continue;
        }
        found.extend(pattern::find(&file.path, &file.product, CALLS, WHY, FIX));
        found.extend(pattern::find(&file.path, &file.product_strings, PATHS, WHY, FIX));
        found.extend(
            pattern::grouped_imports(&file.product, "nix", &["mount", "sched"])
                .into_iter()
                .map(|at| Finding {
                    file: file.path.clone(),
                    line: line_of(&file.product, at),
                    what: "`nix::mount` or `nix::sched` in a group of imports".to_owned(),
                    why: WHY,
                    fix: FIX,
                }),
        );
    }
    found
}

/// How far above an `unsafe` its reason may begin.
const REASON_LINES: usize = 6;

fn unexplained_unsafe(path: &str, text: &str, code: &str) -> Vec<Finding> {
    let lines: Vec<&str> = text.lines().collect();
    let bare = words(code, "unsafe").map(|at| line_of(code, at)).filter(|line| {
        let from = line.saturating_sub(1 + REASON_LINES);
        !lines[from..*line].iter().any(|line| line.contains("SAFETY:"))
    });
    bare.map(|line| Finding {
        file: path.to_owned(),
        line,
        what: "`unsafe` without a reason".to_owned(),
        why: "the next reader must be able to check the argument",
        fix: "write `// SAFETY: …` above it: what must hold, and why it does",
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(text: &str) -> usize {
        Project::of(&[("crates/circle-server/src/a.rs", text)]).findings().len()
    }

    #[test]
    fn the_kernel_is_behind_one_crate() {
        assert_eq!(server("use nix::mount::MsFlags;"), 1);
        assert_eq!(server("use nix::{mount::mount, unistd};"), 1);
        assert_eq!(server("fn f() { unshare(flags); }"), 1);
        assert_eq!(server("const P: &str = \"/sys/fs/cgroup/memory\";"), 1);
        assert_eq!(server("// /sys/fs/cgroup is circle-cell's\nuse nix::unistd::Pid;"), 0);
    }

    #[test]
    fn unsafe_lives_in_the_cell_with_its_reason() {
        assert_eq!(server("fn f() { unsafe { g() } }"), 1);
        assert_eq!(server("fn f() { \"unsafe\" }"), 0);
        let cell = |text: &str| Project::of(&[("crates/circle-cell/src/a.rs", text)]).findings().len();
        assert_eq!(cell("fn f() { unsafe { g() } }"), 1);
        assert_eq!(cell("// SAFETY: g asks for nothing.\nfn f() { unsafe { g() } }"), 0);
    }
}
