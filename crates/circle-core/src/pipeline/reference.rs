//! The reference of the pipeline file, made from the table of keys.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::code::Code;
use super::keys::{FILE, Key, Kind, Section, Status};
use crate::expand::known_variables;

/// Gives a value that a key may have, as it would be written, by the names of its map and of the key.
pub type ExampleOf<'a> = dyn Fn(&str, &str) -> String + 'a;

/// Markdown: one table for each map of the grammar, then variables and codes. It asks for an example of each key that is taken.
pub fn reference(example: &ExampleOf<'_>) -> String {
    let mut out = String::new();
    let mut done = BTreeSet::new();
    section((&mut out, &mut done), example, &FILE);
    out.push_str("## Variables\n\n| name | value |\n|---|---|\n");
    for (name, meaning) in known_variables() {
        line(&mut out, &[format!("`{name}`"), meaning.to_owned()]);
    }
    out.push_str("\n## Codes of findings\n\n");
    let codes: Vec<String> = Code::ALL.iter().map(|code| format!("`{code}`")).collect();
    out.push_str(&codes.join(", "));
    out.push_str(".\n");
    out
}

type Page<'a> = (&'a mut String, &'a mut BTreeSet<&'static str>);

fn section((out, done): Page<'_>, example: &ExampleOf<'_>, of: &'static Section) {
    if !done.insert(of.name) {
        return;
    }
    let _ = write!(
        out,
        "## `{}`\n\n{}\n\n| key | takes | default | since | example | meaning |\n|---|---|---|---|---|---|\n",
        of.name, of.doc
    );
    for key in of.keys().filter(|key| !matches!(key.status, Status::Misplaced(_))) {
        row(out, example, (of, key));
    }
    out.push('\n');
    // What stands beneath a key that is not taken is not taken either: no file can show it.
    let none = |_: &str, _: &str| String::new();
    for key in of.keys() {
        let example: &ExampleOf<'_> = if key.is_accepted() { example } else { &none };
        inner((out, done), example, &key.kind);
    }
}

fn row(out: &mut String, example: &ExampleOf<'_>, (of, key): (&Section, &Key)) {
    let meaning = match key.status {
        Status::Works | Status::OtherName(_) => key.doc.to_owned(),
        Status::Required => format!("{} Required.", key.doc),
        Status::NotYet(sentence) => format!("{} **Not yet**: {sentence}.", key.doc),
        Status::Original(sentence) | Status::Credential(sentence) | Status::Misplaced(sentence) => {
            format!("Refused: {sentence}.")
        }
    };
    let shown = Some(key)
        .filter(|key| key.is_accepted())
        .map(|key| example(of.name, key.name));
    let [since, example] = match shown.filter(|example| !example.is_empty()) {
        Some(example) => [key.since.to_owned(), format!("`{example}`")],
        None => Default::default(),
    };
    let name = format!("`{}`", key.name);
    line(
        out,
        &[name, takes(&key.kind), key.default.to_owned(), since, example, meaning],
    );
}

/// One row; a bar in a cell would end the cell.
fn line(out: &mut String, cells: &[String]) {
    let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    let _ = writeln!(out, "| {} |", cells.join(" | "));
}

fn inner((out, done): Page<'_>, example: &ExampleOf<'_>, kind: &'static Kind) {
    match kind {
        Kind::Section(of) => section((out, done), example, of),
        Kind::List(kind) | Kind::Map(kind) => inner((out, done), example, kind),
        Kind::Either(kinds) => kinds
            .iter()
            .for_each(|kind| inner((&mut *out, &mut *done), example, kind)),
        _ => {}
    }
}

fn takes(kind: &Kind) -> String {
    match kind {
        Kind::Text => "text".to_owned(),
        Kind::Scalar => "text or number".to_owned(),
        Kind::Bool => "true or false".to_owned(),
        Kind::Integer { min, max } if min == max => min.to_string(),
        Kind::Integer { min, max } => format!("{min} to {max}"),
        Kind::Number | Kind::Signed => "number".to_owned(),
        Kind::Duration => "duration".to_owned(),
        Kind::Size => "size".to_owned(),
        Kind::Port => "port".to_owned(),
        Kind::Choice(words) => words
            .iter()
            .map(|word| format!("`{word}`"))
            .collect::<Vec<_>>()
            .join(", "),
        Kind::List(kind) => format!("list of {}", takes(kind)),
        Kind::Map(kind) => format!("map of names to {}", takes(kind)),
        Kind::Section(of) => format!("map (`{}`)", of.name),
        Kind::Either(kinds) => kinds.iter().map(takes).collect::<Vec<_>>().join(", or "),
        Kind::Anything => "anything".to_owned(),
    }
}
