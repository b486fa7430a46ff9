//! Parser, schema and guide say the same.

mod support;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use circle_core::pipeline::{
    Code, Diagnostic, FILE_NAME, MAX_DEPTH, MAX_FILE_BYTES, MAX_NODES, parse, reference, schema,
};
use jsonschema::Validator;
use proptest::prelude::{ProptestConfig, prop_assert, proptest};
use serde_json::Value;
use support::generate::file;
use support::yaml::to_json;
use support::{corpus, render};

const REFERENCE_HEAD: &str = "# The pipeline file, key by key

Made from the parser's own table of keys, which the schema of `circle schema` is made from, too;
`CIRCLE_WRITE_DOCS=1 cargo nextest run -p circle-core pipeline_documents` makes it anew. What the sections are for stands in
[the guide](../guide/pipeline-file.md).

- *duration* is `90s`, `20m`, `1h30m` or `14d`; *size* is `512m`, `1g` or `1GiB`; *port* is 1 to 65535; *text or number* is taken as written.
- A range such as `1 to 5` is what the key takes; other bounds stand in its meaning.
- Examples are of files that the parser takes: the shortest that the tests have.
- *Refused* keys are of the original format or of other tools; the sentence says what to write instead.

";

fn guide_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide/pipeline-file.md")
}

fn reference_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/pipeline-file.md")
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

/// The reference is written by this test when `CIRCLE_WRITE_DOCS` is set, and compared otherwise.
#[test]
fn the_reference_has_every_key_with_an_example_that_some_good_file_has() {
    let (examples, missing) = (examples_of_keys(), RefCell::new(Vec::new()));
    let of_any_map = |key: &str| {
        examples
            .iter()
            .find(|((_, other), _)| other == key)
            .map(|(_, example)| example)
    };
    let example = |map: &str, key: &str| {
        let found = examples
            .get(&(map.to_owned(), key.to_owned()))
            .or_else(|| of_any_map(key));
        found.cloned().unwrap_or_else(|| {
            missing.borrow_mut().push(format!("{map}.{key}"));
            String::new()
        })
    };
    let wanted = format!("{REFERENCE_HEAD}{}", reference(&example));
    let missing = missing.into_inner();
    assert!(
        missing.is_empty(),
        "no good file of the corpus or the guide has {missing:?}"
    );
    if std::env::var_os("CIRCLE_WRITE_DOCS").is_some() {
        fs::write(reference_path(), &wanted).expect("the reference can be written");
    }
    let committed = fs::read_to_string(reference_path()).unwrap_or_default();
    assert!(
        committed == wanted,
        "docs/reference/pipeline-file.md is stale: run this test with CIRCLE_WRITE_DOCS=1"
    );
}

/// By map and key the shortest value that a good file gives it.
fn examples_of_keys() -> BTreeMap<(String, String), String> {
    let schema = schema();
    let mut found = BTreeMap::new();
    let corpus = corpus("good")
        .into_iter()
        .map(|path| fs::read_to_string(path).expect("a file of the corpus"));
    let guide = guide();
    for text in corpus.chain(examples(&guide).into_iter().map(str::to_owned)) {
        let data = to_json(&text).expect("a good file is YAML");
        gather(&schema, ("file", &schema), &data, &mut found);
    }
    found
}

/// Follows data and schema side by side.
fn gather(root: &Value, (map, schema): (&str, &Value), data: &Value, found: &mut BTreeMap<(String, String), String>) {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/")) {
        return gather(root, (name, &root["$defs"][name]), data, found);
    }
    for one in schema["anyOf"].as_array().into_iter().flatten() {
        gather(root, (map, one), data, found);
    }
    for item in data.as_array().into_iter().flatten() {
        gather(root, (map, &schema["items"]), item, found);
    }
    for (key, value) in data.as_object().into_iter().flatten() {
        if let Some(inner) = schema["properties"].get(key) {
            let example = flow(value);
            let kept = found
                .entry((map.to_owned(), key.clone()))
                .or_insert_with(|| example.clone());
            if example.len() < kept.len() {
                *kept = example;
            }
            gather(root, (map, inner), value, found);
        } else if schema["additionalProperties"].is_object() {
            gather(root, (map, &schema["additionalProperties"]), value, found);
        }
    }
}

/// As people write it in one line.
fn flow(value: &Value) -> String {
    let plain = |text: &str| {
        let first = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
        let rest = text.chars().all(|c| c.is_ascii_alphanumeric() || "_./-=".contains(c));
        first && rest && !["true", "false", "null", "yes", "no", "on", "off"].contains(&text)
    };
    match value {
        Value::String(text) if plain(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Object(map) => {
            let pairs = map.iter().map(|(key, value)| format!("{key}: {}", flow(value)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

/// An example is shown alone: it must be YAML that means what the file meant.
#[test]
fn examples_in_one_line_read_back_as_they_were() {
    for text in [
        "a: [x, \"y z\", 1.5, true, \"true\", \"\", \"1\"]\n",
        "a: {b: {c: \"${X}\"}, d: /e, f: \"g:h\", i: \"*\"}\n",
        "a: [\"- b\", \"#c\", \"d, e\"]\n",
    ] {
        let data = to_json(text).expect("YAML");
        let again = to_json(&format!("a: {}\n", flow(&data["a"]))).expect("YAML again");
        assert_eq!(again, data, "{text}");
    }
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
    fn walk(value: &Value, path: &str, bare: &mut Vec<String>) {
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
