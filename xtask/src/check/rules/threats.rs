//! The threat model and the tests named after its numbers say the same: `cargo xtask threats` brings the page up to date.

use std::collections::BTreeSet;

use super::Project;
use crate::check::finding::Finding;
use crate::check::source::RustFile;

/// The page.
pub(crate) const PAGE: &str = "docs/threat-model.md";
/// Every rule has a number up to this one …
const LAST: u32 = 75;
/// … except these.
const FREE: &[u32] = &[33, 41, 61, 65];
/// How a line about a test begins.
const LINE: &str = "- `sec_";
const WHY: &str = "a reader who trusts the page must find every rule and the test that holds it";

/// A test that is named after numbers.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Named {
    name: String,
    path: String,
}

pub(crate) fn check(project: &Project) -> Vec<Finding> {
    let tests = named_tests(&project.rust);
    let page = project.texts.iter().find(|file| file.path == PAGE);
    if page.is_none() && tests.is_empty() {
        return Vec::new();
    }
    let page = page.map_or("", |page| page.text.as_str());
    let found = |line: usize, what: String, fix: &'static str| Finding {
        file: PAGE.to_owned(),
        line,
        what,
        why: WHY,
        fix,
    };
    let mut findings = Vec::new();
    let renewed = with_tests(page, &tests);
    if let Some((line, text)) = first_difference(page, &renewed) {
        let what = format!("the tests of the page are not those of the code, first at `{text}`");
        findings.push(found(
            line,
            what,
            "run `cargo xtask threats`, then read what it changed",
        ));
    }
    for (line, number, body) in sections(&renewed) {
        let honest = body.contains(LINE) || body.contains("Not yet") || body.contains("free");
        if !honest {
            let what = format!("number {number} has no test and does not say `Not yet`");
            findings.push(found(line, what, "write the test, or say what is missing"));
        }
    }
    let there: BTreeSet<u32> = sections(&renewed).into_iter().map(|(_, number, _)| number).collect();
    let missing: Vec<u32> = (1..=LAST)
        .filter(|number| !FREE.contains(number) && !there.contains(number))
        .collect();
    if !missing.is_empty() {
        let what = format!("these numbers are not on the page: {missing:?}");
        findings.push(found(1, what, "write `### <number> <rule>` and where it is held"));
    }
    findings
}

/// The page with the tests that there are.
pub(crate) fn renewed(page: &str, rust: &[RustFile]) -> String {
    with_tests(page, &named_tests(rust))
}

fn named_tests(rust: &[RustFile]) -> BTreeSet<Named> {
    let mut tests = BTreeSet::new();
    for file in rust {
        for (at, _) in file.code.match_indices("fn sec_") {
            let name = file.code[at + 3..].split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
            let name = name.into_iter().next().unwrap_or_default().to_owned();
            let path = file.path.clone();
            tests.insert(Named { name, path });
        }
    }
    tests
}

/// `sec_24_25_x` and `sec_24_and_25_x` are of 24 and of 25.
fn numbers(name: &str) -> Vec<u32> {
    let words = name.split('_').skip(1).filter(|word| *word != "and");
    words.map_while(|word| word.parse().ok()).collect()
}

fn with_tests(page: &str, tests: &BTreeSet<Named>) -> String {
    let mut out: Vec<String> = Vec::new();
    let mut number = None;
    let close = |number: Option<u32>, out: &mut Vec<String>| {
        while out.last().is_some_and(String::is_empty) {
            out.pop();
        }
        let own: Vec<String> = tests
            .iter()
            .filter(|test| number.is_some_and(|number| numbers(&test.name).contains(&number)))
            .map(|test| format!("- `{}` in `{}`", test.name, test.path))
            .collect();
        if !own.is_empty() {
            out.push(String::new());
        }
        out.extend(own);
    };
    for line in page.lines().filter(|line| !line.starts_with(LINE)) {
        if line.starts_with('#') && !out.is_empty() {
            close(number.take(), &mut out);
            out.push(String::new());
        }
        number = heading(line).or(number);
        out.push(line.to_owned());
    }
    close(number, &mut out);
    out.join("\n") + "\n"
}

/// The number of `### 16 Masked …`.
fn heading(line: &str) -> Option<u32> {
    line.strip_prefix("### ")?.split(' ').next()?.parse().ok()
}

/// Line, number and text of every section.
fn sections(page: &str) -> Vec<(usize, u32, String)> {
    let mut all: Vec<(usize, u32, String)> = Vec::new();
    let mut is_open = false;
    for (index, line) in page.lines().enumerate() {
        if line.starts_with('#') {
            is_open = heading(line).is_some();
            all.extend(heading(line).map(|number| (index + 1, number, String::new())));
        } else if let Some((_, _, body)) = all.last_mut().filter(|_| is_open) {
            body.push_str(line);
            body.push('\n');
        }
    }
    all
}

fn first_difference(page: &str, renewed: &str) -> Option<(usize, String)> {
    if page == renewed {
        return None;
    }
    let (old, new): (Vec<&str>, Vec<&str>) = (page.lines().collect(), renewed.lines().collect());
    let at = (0..old.len().max(new.len())).find(|at| old.get(*at) != new.get(*at))?;
    let text = new.get(at).or(old.get(at)).copied().unwrap_or_default();
    Some((at + 1, text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEST: &str = "crates/circle-core/tests/mask.rs";

    fn page(sections: &str) -> String {
        let all = (1..=LAST).filter(|number| !FREE.contains(number) && *number != 24);
        let rest: String = all
            .map(|number| format!("\n### {number} A rule\n\nNot yet.\n"))
            .collect();
        format!("# Threat model\n\n{sections}{rest}")
    }

    #[test]
    fn a_page_that_tells_what_the_code_has_passes() {
        let text = page(&format!("### 24 Sealed\n\nHeld here.\n\n- `sec_24_a` in `{TEST}`\n"));
        let project = Project::of(&[(PAGE, &text), (TEST, "fn sec_24_a() {}\n")]);
        assert_eq!(check(&project), []);
    }

    #[test]
    fn a_test_that_went_or_came_is_a_finding() {
        let named = page(&format!("### 24 Sealed\n\nHeld here.\n\n- `sec_24_a` in `{TEST}`\n"));
        for code in ["fn other() {}\n", "fn sec_24_a() {}\nfn sec_24_25_b() {}\n"] {
            let found = check(&Project::of(&[(PAGE, &named), (TEST, code)]));
            assert!(
                found.iter().any(|one| one.fix.contains("xtask threats")),
                "{code}: {found:?}"
            );
        }
    }

    #[test]
    fn a_number_without_test_must_say_so_and_none_is_left_out() {
        let silent = page("### 24 Sealed\n\nSurely.\n");
        let found = check(&Project::of(&[(PAGE, &silent)]));
        assert!(found.iter().any(|one| one.what.contains("number 24")), "{found:?}");
        let absent = page("");
        let found = check(&Project::of(&[(PAGE, &absent)]));
        assert!(found.iter().any(|one| one.what.contains("[24]")), "{found:?}");
    }

    #[test]
    fn a_name_has_the_numbers_that_it_begins_with() {
        assert_eq!(numbers("sec_24_25_secrets_are_sealed"), [24, 25]);
        assert_eq!(numbers("sec_16_and_20_secrets_appear_nowhere"), [16, 20]);
        assert_eq!(numbers("sec_09_10_runs"), [9, 10]);
    }
}
