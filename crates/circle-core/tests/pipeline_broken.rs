//! Every broken file of the corpus, and what is said about it.

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use circle_core::pipeline::{Code, parse};
use support::{corpus, render};

/// The issue of this corpus asks for at least so many files.
const LEAST_FILES: usize = 60;

#[test]
fn each_broken_file_is_refused_with_its_place_and_what_to_write() {
    let files = corpus("broken");
    assert!(files.len() >= LEAST_FILES, "the corpus has only {} files", files.len());
    for path in files {
        let name = name_of(&path);
        let bytes = fs::read(&path).expect("a file of the corpus");
        let (file, findings) = parse(&format!("{name}.yml"), &bytes);
        assert_eq!(file.is_some(), findings.iter().all(|one| !one.is_error()), "{name}");
        assert_eq!(file.is_some(), name == "warnings-only", "{name} should be refused");
        insta::with_settings!({snapshot_path => "snapshots/broken", prepend_module_to_snapshot => false, omit_expression => true}, {
            insta::assert_snapshot!(name, render(&findings));
        });
    }
}

/// Codes that no file alone can bring about: they need a server, a trigger, or a size that does not belong into a corpus.
const ELSEWHERE: [Code; 7] = [
    Code::TooLarge,
    Code::UndefinedSecret,
    Code::SecretLimited,
    Code::SecretsUnchecked,
    Code::NotAllowed,
    Code::NoTriggerMatches,
    Code::NothingToRun,
];

#[test]
fn every_code_is_shown_by_some_file() {
    let mut seen: BTreeSet<Code> = ELSEWHERE.into();
    for path in corpus("broken") {
        let bytes = fs::read(&path).expect("a file of the corpus");
        seen.extend(parse("f", &bytes).1.iter().map(|one| one.code));
    }
    let missing: Vec<&Code> = Code::ALL.iter().filter(|code| !seen.contains(code)).collect();
    assert!(missing.is_empty(), "no file of the corpus shows {missing:?}");
}

fn name_of(path: &Path) -> String {
    PathBuf::from(path.file_name().expect("a file"))
        .with_extension("")
        .to_string_lossy()
        .into_owned()
}
