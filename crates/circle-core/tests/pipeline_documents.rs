//! Parser, schema and guide say the same.

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use circle_core::pipeline::{
    Code, Diagnostic, FILE_NAME, MAX_DEPTH, MAX_FILE_BYTES, MAX_NODES, parse, reference, schema,
};
use jsonschema::Validator;
use proptest::prelude::{ProptestConfig, prop_assert, proptest};
use support::generate::file;
use support::yaml::to_json;
use support::{corpus, render};

const BEGIN: &str = "<!-- reference: begin -->\n";
const END: &str = "<!-- reference: end -->";

fn guide_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide/pipeline-file.md")
}

fn guide() -> String {
    fs::read_to_string(guide_path()).expect("the guide")
}

fn validator() -> Validator {
    jsonschema::draft202012::new(&schema()).expect("the schema is a schema")
}

/// The fenced blocks of YAML in a document, each a whole file.
fn examples(document: &str) -> Vec<&str> {
    let blocks = document.split("```yaml\n").skip(1);
    blocks
        .map(|block| block.split("```").next().expect("a block ends"))
        .collect()
}

fn check(validator: &Validator, name: &str, text: &str) {
    let (file, findings) = parse(FILE_NAME, text.as_bytes());
    assert!(file.is_some(), "{name} is refused:\n{}\n{text}", render(&findings));
    let json = to_json(text).unwrap_or_else(|| panic!("{name} is no YAML"));
    let refusals: Vec<String> = validator
        .iter_errors(&json)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(refusals.is_empty(), "the schema refuses {name}: {refusals:?}\n{text}");
}

#[test]
fn every_example_of_the_guide_is_a_good_file_for_parser_and_schema() {
    let guide = guide();
    let examples = examples(&guide);
    assert!(examples.len() >= 8, "the guide shows only {} files", examples.len());
    for example in examples {
        check(&validator(), "an example", example);
    }
}

#[test]
fn every_good_file_of_the_corpus_fits_the_schema() {
    for path in corpus("good") {
        // A key that is no plain line, `? integration`, is the one thing that the converter of this test does not show.
        check(
            &validator(),
            &path.display().to_string(),
            &fs::read_to_string(&path).expect("a file of the corpus"),
        );
    }
}

#[test]
fn unknown_keys_and_wrong_kinds_are_refused_by_the_schema_too() {
    let validator = validator();
    let mut compared = 0;
    for path in corpus("broken") {
        let bytes = fs::read(&path).expect("a file of the corpus");
        let findings = parse("f", &bytes).1;
        let is_plain = |one: &Diagnostic| {
            matches!(
                one.code,
                Code::UnknownKey | Code::WrongType | Code::OriginalFormat | Code::Refused
            )
        };
        if !findings.iter().any(is_plain) {
            continue;
        }
        let Some(json) = std::str::from_utf8(&bytes).ok().and_then(to_json) else {
            continue;
        };
        compared += 1;
        assert!(!validator.is_valid(&json), "the schema takes {}", path.display());
    }
    assert!(compared >= 20, "only {compared} files were compared");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_parser_takes_the_schema_takes(data in file()) {
        if parse("f", data.to_string().as_bytes()).0.is_some() {
            prop_assert!(validator().is_valid(&data), "{data}");
        }
    }
}

/// The guide's tables are written by this test when `CIRCLE_WRITE_DOCS` is set, and compared otherwise.
#[test]
fn the_guide_has_the_tables_of_the_declared_keys() {
    let guide = guide();
    let (head, rest) = guide.split_once(BEGIN).expect("the guide marks where its tables begin");
    let (_, tail) = rest.split_once(END).expect("the guide marks where its tables end");
    let wanted = format!("{head}{BEGIN}\n{}\n{END}{tail}", reference());
    if std::env::var_os("CIRCLE_WRITE_DOCS").is_some() {
        fs::write(guide_path(), &wanted).expect("the guide can be written");
        return;
    }
    assert!(
        guide == wanted,
        "docs/guide/pipeline-file.md is stale: run this test with CIRCLE_WRITE_DOCS=1"
    );
}

#[test]
fn the_guide_names_the_bounds_of_the_file() {
    let guide = guide().replace('\n', " ");
    let kib = MAX_FILE_BYTES / 1024;
    for bound in [
        format!("{kib} KiB"),
        format!("{MAX_DEPTH} levels"),
        format!("{},{:03} values", MAX_NODES / 1000, MAX_NODES % 1000),
    ] {
        assert!(guide.contains(&bound), "the guide does not name {bound}");
    }
}

#[test]
fn the_schema_describes_every_key() {
    fn walk(value: &serde_json::Value, path: &str, bare: &mut Vec<String>) {
        let Some(map) = value.as_object() else { return };
        for (name, key) in map
            .get("properties")
            .and_then(|keys| keys.as_object())
            .into_iter()
            .flatten()
        {
            let described = key
                .get("description")
                .and_then(|text| text.as_str())
                .is_some_and(|text| !text.is_empty());
            if !described {
                bare.push(format!("{path}.{name}"));
            }
        }
        for (name, inner) in map {
            walk(inner, &format!("{path}.{name}"), bare);
        }
    }
    let mut bare = Vec::new();
    walk(&schema(), "", &mut bare);
    assert!(bare.is_empty(), "keys without a description: {bare:?}");
}
