//! Secrets of a local run: from a file, or from the environment. Only those that the plan names are taken.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use circle_api::worker::SecretValue;
use circle_core::plan::Plan;

use crate::exit::Failure;

/// Values by name.
#[derive(Debug, Default)]
pub(super) struct Secrets(BTreeMap<String, SecretValue>);

impl Secrets {
    /// Reads what the plan names.
    ///
    /// # Errors
    /// With every name that has no value.
    pub(super) fn read(file: Option<&Path>, plan: &Plan) -> Result<Self, Failure> {
        let of_file = match file {
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|error| Failure::usage(format!("{} cannot be read: {error}", path.display())))?;
                parsed(path, &text)?
            }
            None => BTreeMap::new(),
        };
        Self::chosen(plan.secrets(), of_file, |name| std::env::var(name).ok())
    }

    fn chosen(
        names: BTreeSet<String>,
        mut of_file: BTreeMap<String, String>,
        of_environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Failure> {
        let mut values = BTreeMap::new();
        let mut missing = Vec::new();
        for name in names {
            match of_file.remove(&name).or_else(|| of_environment(&name)) {
                Some(value) => drop(values.insert(name, SecretValue::new(value))),
                None => missing.push(name),
            }
        }
        if missing.is_empty() {
            return Ok(Self(values));
        }
        Err(Failure::usage(format!(
            "the pipeline asks for secrets that are not given here: {}; put them in a file, NAME=VALUE a line, and name it with --secrets, or set environment variables of these names",
            missing.join(", ")
        )))
    }

    /// The value of a name.
    pub(super) fn value(&self, name: &str) -> Option<&SecretValue> {
        self.0.get(name)
    }
}

/// A line each, empty ones and those that begin with `#` left out. A fault is told by its line, never by what stands in it.
fn parsed(path: &Path, text: &str) -> Result<BTreeMap<String, String>, Failure> {
    let mut values = BTreeMap::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((name, value)) = line.split_once('=') else {
            return Err(Failure::usage(format!(
                "{} line {}: write NAME=VALUE",
                path.display(),
                number + 1
            )));
        };
        values.insert(name.trim().to_owned(), value.to_owned());
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::path::Path;

    use super::{Secrets, parsed};

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_file_wins_over_the_environment_and_only_what_is_named_is_taken() {
        let file = parsed(Path::new("s"), "# mine\n\nA=of the file\nB=x=y\nC=not named\n").expect("good lines");
        let environment = |name: &str| (name != "MISSING").then(|| "of the environment".to_owned());
        let chosen = Secrets::chosen(names(&["A", "B", "D"]), file, environment).expect("all there");
        let shown = |name| chosen.value(name).map(|value| value.expose().to_owned());
        let expected = [("A", "of the file"), ("B", "x=y"), ("D", "of the environment")];
        for (name, value) in expected {
            assert_eq!(shown(name).as_deref(), Some(value), "{name}");
        }
        assert_eq!(shown("C"), None);
    }

    #[test]
    fn missing_ones_are_named_all_at_once_and_a_bad_line_is_not_quoted() {
        let missing = Secrets::chosen(names(&["P", "Q"]), BTreeMap::new(), |_| None).expect_err("missing");
        assert!(missing.to_string().contains("P, Q"), "{missing}");
        let bad = parsed(Path::new("s"), "A=1\nhunter2\n")
            .expect_err("no pair")
            .to_string();
        assert!(bad.contains("line 2") && !bad.contains("hunter2"), "{bad}");
    }
}
