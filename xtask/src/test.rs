//! `cargo xtask test`: everything that can be tested on this machine alone, counted in one closing line.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::process::{self, command};
use crate::servers::{Gitea, webhooks};
use crate::{images, place, setup, web};

/// The images that tests load into cells.
const IMAGES: &[&str] = &["busybox", "redis", "toolchain"];

/// What calls every route of the description, and its version.
const SCHEMATHESIS: (&str, &str) = ("schemathesis", "4.32.5");

/// Sets up, makes the images, runs the tests and the examples in the documentation.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    setup::run()?;
    images::ensure(IMAGES)?;
    web::ensure()?;
    if arguments.is_empty() {
        web::test()?;
    }
    // Stories start the binaries; nextest alone builds those of a crate only for the crate's own tests.
    process::run(command("cargo").args(["build", "--workspace", "--bins", "--locked"]))?;
    let mut tally = Tally::default();
    let tests = nextest(arguments, &mut tally);
    let documentation = if arguments.is_empty() {
        doctests(&mut tally)
    } else {
        Ok(())
    };
    println!("{} passed, {} failed", tally.passed, tally.failed);
    tests.and(documentation)
}

/// Suites against servers that are neither embedded nor started by `make test`.
pub(crate) fn real() -> Result<()> {
    setup::run()?;
    let gitea = Gitea::ensure()?;
    let (wheel, version) = SCHEMATHESIS;
    let schemathesis = setup::wheel::program(wheel, version, "st")?;
    let mut cargo = command("cargo");
    cargo.args([
        "nextest",
        "run",
        "--locked",
        "--package",
        "circle-server",
        "--test",
        "server",
    ]);
    cargo.args(["--run-ignored", "only", "--filterset", "test(real_) | test(contract_)"]);
    cargo
        .env("CIRCLE_GITEA", &gitea.program)
        .env("CIRCLE_GITEA_TEMPLATES", &gitea.templates)
        .env("CIRCLE_GITEA_USER", &gitea.user)
        .env("CIRCLE_WEBHOOK_EXAMPLES", webhooks::ensure()?)
        .env("CIRCLE_SCHEMATHESIS", &schemathesis);
    process::run(&mut cargo)
}

#[derive(Default)]
struct Tally {
    passed: usize,
    failed: usize,
}

fn nextest(arguments: &[String], tally: &mut Tally) -> Result<()> {
    // Nextest writes beneath the clone, wherever cargo compiles to.
    let report = place::root().join("target/nextest/ci/junit.xml");
    let _ = fs::remove_file(&report);
    let mut cargo = command("cargo");
    cargo.args(["nextest", "run", "--locked", "--profile", "ci"]);
    if !names_packages(arguments) {
        cargo.arg("--workspace");
    }
    cargo.args(arguments);
    cargo.env("CIRCLE_XTASK", place::this_program()?);
    let outcome = process::run(&mut cargo);
    if let Ok(text) = fs::read_to_string(&report) {
        let (tests, failures) = junit_totals(&text).with_context(|| format!("no totals in {}", report.display()))?;
        tally.passed += tests.saturating_sub(failures);
        tally.failed += failures;
    }
    leave_clean(&report);
    outcome
}

/// Removes the report and the folders that held nothing else.
fn leave_clean(report: &Path) {
    let _ = fs::remove_file(report);
    for folder in report.ancestors().skip(1).take(3) {
        // A folder that somebody else uses is not empty and stays.
        let _ = fs::remove_dir(folder);
    }
}

fn names_packages(arguments: &[String]) -> bool {
    arguments
        .iter()
        .any(|word| word.starts_with("-p") || word.starts_with("--package"))
}

/// Tests and those of them that failed or ended abnormally, from the attributes of `<testsuites>`.
fn junit_totals(report: &str) -> Option<(usize, usize)> {
    let (_, rest) = report.split_once("<testsuites ")?;
    let head = rest.split('>').next()?;
    let number = |name: &str| -> Option<usize> {
        let (_, value) = head.split_once(&format!(" {name}=\""))?;
        value.split('"').next()?.parse().ok()
    };
    Some((number("tests")?, number("failures")? + number("errors")?))
}

/// Only crates that have an example in their documentation cost the time of rustdoc.
fn doctests(tally: &mut Tally) -> Result<()> {
    let mut failed = Vec::new();
    for name in packages_with_doctests()? {
        let mut cargo = command("cargo");
        cargo.args(["test", "--doc", "--locked", "--package", &name]);
        let result = cargo
            .stderr(std::process::Stdio::inherit())
            .output()
            .context("cannot start cargo test --doc")?;
        let printed = String::from_utf8_lossy(&result.stdout);
        print!("{printed}");
        let (good, bad) = libtest_totals(&printed);
        tally.passed += good;
        tally.failed += bad;
        if !result.status.success() {
            failed.push(name);
        }
    }
    if !failed.is_empty() {
        bail!("documentation examples failed in {}", failed.join(", "));
    }
    Ok(())
}

fn packages_with_doctests() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(place::root().join("crates"))? {
        let folder = entry?.path();
        if folder.join("src/lib.rs").exists() && has_doctest(&folder.join("src"))? {
            names.extend(folder.file_name().and_then(|name| name.to_str()).map(str::to_owned));
        }
    }
    names.sort();
    Ok(names)
}

fn has_doctest(folder: &Path) -> Result<bool> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            if has_doctest(&path)? {
                return Ok(true);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && shows_example(&fs::read_to_string(&path)?)
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A fence in a doc comment that rustdoc would compile: one that names no other language and is not ignored.
fn shows_example(text: &str) -> bool {
    let mut inside = false;
    for line in text.lines().map(str::trim_start) {
        let Some(doc) = line.strip_prefix("///").or_else(|| line.strip_prefix("//!")) else {
            inside = false;
            continue;
        };
        let Some(language) = doc.trim().strip_prefix("```") else {
            continue;
        };
        if !inside && matches!(language, "" | "rust" | "no_run" | "should_panic" | "compile_fail") {
            return true;
        }
        inside = !inside;
    }
    false
}

/// Sums over all `test result: ok. 3 passed; 1 failed; …` lines.
fn libtest_totals(printed: &str) -> (usize, usize) {
    let results = printed.lines().filter_map(|line| line.strip_prefix("test result: "));
    results.fold((0, 0), |(good, bad), line| {
        (good + count(line, "passed"), bad + count(line, "failed"))
    })
}

fn count(line: &str, what: &str) -> usize {
    let part = line.split([';', '.']).find_map(|part| part.trim().strip_suffix(what));
    part.and_then(|number| number.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_read_from_the_report() {
        let report = r#"<?xml version="1.0"?><testsuites name="nextest-run" tests="7" failures="2" errors="1" uuid="x"><testsuite tests="9"/>"#;
        assert_eq!(junit_totals(report), Some((7, 3)));
        assert_eq!(junit_totals("<testsuites name=\"a\">"), None);
    }

    #[test]
    fn totals_of_documentation_examples_add_up() {
        let printed =
            "test result: ok. 3 passed; 0 failed; 1 ignored\nx\ntest result: FAILED. 1 passed; 2 failed; 0 ignored\n";
        assert_eq!(libtest_totals(printed), (4, 2));
    }

    #[test]
    fn packages_named_by_hand_are_the_only_ones() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert!(names_packages(&words("-p circle-core")));
        assert!(names_packages(&words("--package=circle-core")));
        assert!(!names_packages(&words("masks --no-capture")));
    }

    #[test]
    fn an_example_is_told_from_a_drawing() {
        assert!(shows_example("/// ```\n/// let x = 1;\n/// ```"));
        assert!(!shows_example("//! ```text\n//! a -> b\n//! ```"));
        assert!(!shows_example("let x = \"```\";"));
    }
}
