//! A word or path that must not stand in some code.

use crate::check::finding::Finding;
use crate::check::lexer::{line_of, words};

/// Findings for every place where one of `patterns` stands as a whole word in `code`, a view of the file at `path`.
pub(crate) fn find(path: &str, code: &str, patterns: &[&str], why: &'static str, fix: &'static str) -> Vec<Finding> {
    let mut found = Vec::new();
    for pattern in patterns {
        for at in words(code, pattern) {
            let what = format!("`{pattern}`");
            found.push(Finding {
                file: path.to_owned(),
                line: line_of(code, at),
                what,
                why,
                fix,
            });
        }
    }
    found
}

/// Modules taken from `root` in braces: `mount` in `use nix::{mount::mount, unistd};`. Gives the byte offset of each
/// `use` that names one of `modules`.
pub(crate) fn grouped_imports(code: &str, root: &str, modules: &[&str]) -> Vec<usize> {
    let opening = format!("{root}::{{");
    let mut found = Vec::new();
    for (at, _) in code.match_indices(&opening) {
        let end = code[at..].find(';').map_or(code.len(), |end| at + end);
        let group = &code[at + opening.len()..end];
        if modules.iter().any(|module| words(group, module).next().is_some()) {
            found.push(at);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_found_with_its_line() {
        let found = find("a.rs", "x\nstd::fs::read(y)\n", &["std::fs"], "", "");
        assert_eq!(found.iter().map(|finding| finding.line).collect::<Vec<_>>(), [2]);
        assert!(find("a.rs", "my_std::fsx", &["std::fs"], "", "").is_empty());
    }

    #[test]
    fn a_module_is_found_inside_a_group() {
        assert_eq!(
            grouped_imports("use nix::{\n unistd,\n mount::mount};", "nix", &["mount", "sched"]),
            [4]
        );
        assert!(grouped_imports("use nix::{unistd}; fn mount() {}", "nix", &["mount"]).is_empty());
    }
}
