//! Habits that keep files readable: short tables of contents, named imports, explained exceptions, few traits.

use super::{Project, pattern};
use crate::check::finding::Finding;
use crate::check::lexer::{line_of, words};
use crate::check::source::RustFile;

/// A table of contents that needs a second screen is none.
const CONTENTS_LINES: usize = 60;
/// Traits are for ports; more than one in so many lines of product code is abstraction for its own sake.
const LINES_PER_TRAIT: usize = 1_000;

pub(crate) fn check(project: &Project) -> Vec<Finding> {
    let mut found: Vec<Finding> = Vec::new();
    for file in &project.rust {
        found.extend(long_contents(file));
        found.extend(glob_imports(file));
        found.extend(pattern::find(
            &file.path,
            &file.code,
            &["#[allow", "#![allow"],
            "an exception outlives its cause",
            "write #[expect(…, reason = \"…\")]: it complains when it is no longer needed",
        ));
        found.extend(getters(file));
    }
    found.extend(too_many_traits(&project.rust));
    found
}

fn long_contents(file: &RustFile) -> Option<Finding> {
    let is_contents = file.path.ends_with("/lib.rs") || file.path.ends_with("/mod.rs");
    (is_contents && !file.is_test && file.lines() > CONTENTS_LINES).then(|| Finding {
        file: file.path.clone(),
        line: CONTENTS_LINES + 1,
        what: format!(
            "{} lines in a table of contents (at most {CONTENTS_LINES})",
            file.lines()
        ),
        why: "lib.rs and mod.rs say what is there; a reader should see it on one screen",
        fix: "move code into a file named after what it does",
    })
}

fn glob_imports(file: &RustFile) -> Vec<Finding> {
    let code = &file.product;
    let globs = words(code, "use").filter_map(|at| {
        let end = at + code[at..].find(';')?;
        let statement = &code[at..end];
        (!statement.contains(['(', '=']) && statement.contains("::*")).then_some(at)
    });
    globs
        .map(|at| Finding {
            file: file.path.clone(),
            line: line_of(code, at),
            what: "a glob import".to_owned(),
            why: "a name's origin should stand in the file that uses it",
            fix: "name what you import",
        })
        .collect()
}

fn getters(file: &RustFile) -> Vec<Finding> {
    let found = file
        .product
        .match_indices("fn get_")
        .filter(|(at, _)| !in_trait_impl(&file.product, *at));
    found
        .map(|(at, _)| Finding {
            file: file.path.clone(),
            line: line_of(&file.product, at),
            what: "a function named `get_…`".to_owned(),
            why: "the prefix says nothing",
            fix: "name it after what it gives",
        })
        .collect()
}

/// The names in `impl Trait for Type` are the trait's.
fn in_trait_impl(code: &str, at: usize) -> bool {
    let before = &code[..at];
    let Some(start) = before.rfind("\nimpl") else {
        return false;
    };
    before[start..]
        .split('{')
        .next()
        .is_some_and(|head| head.contains(" for "))
}

fn too_many_traits(files: &[RustFile]) -> Option<Finding> {
    let lines: usize = files.iter().map(|file| file.code_lines().0).sum();
    let traits: usize = files.iter().map(|file| trait_count(&file.product)).sum();
    (traits > lines.div_ceil(LINES_PER_TRAIT)).then(|| Finding {
        file: "crates".to_owned(),
        line: 1,
        what: format!("{traits} traits in {lines} lines of product code (at most one in {LINES_PER_TRAIT})"),
        why: "traits are for ports; elsewhere they hide what runs",
        fix: "use a function, a struct or an enum",
    })
}

pub(crate) fn trait_count(code: &str) -> usize {
    words(code, "trait")
        .filter(|at| {
            code[at + 5..]
                .trim_start()
                .starts_with(|c: char| c.is_ascii_uppercase())
        })
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_found(path: &str, text: &str) -> Vec<String> {
        Project::of(&[(path, text)]).findings()
    }

    #[test]
    fn a_long_table_of_contents_is_found() {
        let long = "mod a;\n".repeat(61);
        assert_eq!(lines_found("crates/a/src/lib.rs", &long), ["crates/a/src/lib.rs:61"]);
        assert_eq!(
            lines_found("crates/a/src/b/mod.rs", &long),
            ["crates/a/src/b/mod.rs:61"]
        );
        assert!(lines_found("crates/a/src/b.rs", &long).is_empty());
        assert!(lines_found("crates/a/src/lib.rs", &"mod a;\n".repeat(60)).is_empty());
    }

    #[test]
    fn globs_are_for_tests() {
        assert_eq!(
            lines_found("crates/a/src/b.rs", "use x::y;\nuse super::*;\n"),
            ["crates/a/src/b.rs:2"]
        );
        assert_eq!(
            lines_found("crates/a/src/b.rs", "pub use x::{a, b::*};"),
            ["crates/a/src/b.rs:1"]
        );
        assert!(lines_found("crates/a/src/b.rs", "#[cfg(test)]\nmod tests {\n    use super::*;\n}\n").is_empty());
        assert!(lines_found("crates/a/tests/b.rs", "use x::*;").is_empty());
    }

    #[test]
    fn bare_exceptions_are_found_in_tests_too() {
        assert_eq!(
            lines_found("crates/a/tests/b.rs", "#[allow(dead_code)]\nfn f() {}"),
            ["crates/a/tests/b.rs:1"]
        );
        assert!(lines_found("crates/a/src/b.rs", "#[expect(dead_code, reason = \"why\")]\nfn f() {}").is_empty());
    }

    #[test]
    fn getters_are_found() {
        assert_eq!(
            lines_found("crates/a/src/b.rs", "fn get_name() {}"),
            ["crates/a/src/b.rs:1"]
        );
        assert!(lines_found("crates/a/src/b.rs", "fn get() {}").is_empty());
        assert!(lines_found("crates/a/src/b.rs", "use x::T;\nimpl T for S {\n    fn get_x() {}\n}").is_empty());
        assert_eq!(
            lines_found("crates/a/src/b.rs", "use x::T;\nimpl S {\n    fn get_x() {}\n}"),
            ["crates/a/src/b.rs:3"]
        );
    }

    #[test]
    fn traits_are_rationed() {
        assert!(lines_found("crates/a/src/b.rs", "trait A {}").is_empty());
        assert_eq!(lines_found("crates/a/src/b.rs", "trait A {}\ntrait B {}"), ["crates:1"]);
    }
}
