//! The tables of the guide, made from the table of keys.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::code::Code;
use super::keys::{FILE, Key, Kind, Section, Status};
use crate::expand::known_variables;

/// Markdown: one table for each map of the grammar, then variables and codes.
pub fn reference() -> String {
    let mut out = String::new();
    let mut done = BTreeSet::new();
    section(&mut out, &mut done, &FILE);
    out.push_str("### Variables\n\n| name | value |\n|---|---|\n");
    for (name, meaning) in known_variables() {
        line(&mut out, &[format!("`{name}`"), meaning.to_owned()]);
    }
    out.push_str("\n### Codes of findings\n\n");
    let codes: Vec<String> = Code::ALL.iter().map(|code| format!("`{code}`")).collect();
    out.push_str(&codes.join(", "));
    out.push_str(".\n");
    out
}

fn section(out: &mut String, done: &mut BTreeSet<&'static str>, of: &'static Section) {
    if !done.insert(of.name) {
        return;
    }
    let _ = write!(
        out,
        "### `{}`\n\n{}\n\n| key | takes | default | meaning |\n|---|---|---|---|\n",
        of.name, of.doc
    );
    for key in of.keys().filter(|key| !matches!(key.status, Status::Misplaced(_))) {
        row(out, key);
    }
    out.push('\n');
    for key in of.keys() {
        inner(out, done, &key.kind);
    }
}

fn row(out: &mut String, key: &Key) {
    let meaning = match key.status {
        Status::Works | Status::OtherName(_) => key.doc.to_owned(),
        Status::Required => format!("{} Required.", key.doc),
        Status::NotYet(sentence) => format!("{} **Not yet**: {sentence}.", key.doc),
        Status::Original(sentence) | Status::Credential(sentence) | Status::Misplaced(sentence) => {
            format!("Refused: {sentence}.")
        }
    };
    line(
        out,
        &[
            format!("`{}`", key.name),
            takes(&key.kind),
            key.default.to_owned(),
            meaning,
        ],
    );
}

/// One row; a bar in a cell would end the cell.
fn line(out: &mut String, cells: &[String]) {
    let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    let _ = writeln!(out, "| {} |", cells.join(" | "));
}

fn inner(out: &mut String, done: &mut BTreeSet<&'static str>, kind: &'static Kind) {
    match kind {
        Kind::Section(of) => section(out, done, of),
        Kind::List(kind) | Kind::Map(kind) => inner(out, done, kind),
        Kind::Either(kinds) => kinds.iter().for_each(|kind| inner(out, done, kind)),
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
