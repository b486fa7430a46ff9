//! The keys of one map, checked against the table.

use std::collections::BTreeMap;

use super::shape::check_shape;
use crate::pipeline::code::Code;
use crate::pipeline::keys::{Key, Section, Status, foreign, synonym};
use crate::pipeline::report::{Report, quote};
use crate::pipeline::source::Span;
use crate::pipeline::suggest::nearest;
use crate::pipeline::yaml::{Entry, Node, Scalar, ScalarKind, Value};

/// The known keys of a map, those of `use` beneath its own.
pub(super) struct Fields<'n> {
    section: &'static Section,
    entries: BTreeMap<&'static str, &'n Entry>,
    /// A key was refused: what seems to be missing may only be misspelt.
    doubtful: bool,
}

impl<'n> Fields<'n> {
    /// Reads a map; `None` when the node is none, which is then reported.
    pub(super) fn read(report: &Report<'_>, node: &'n Node, section: &'static Section) -> Option<Self> {
        let Value::Map(entries) = &node.value else {
            let message = format!("{} takes a map, found {}", section.said(), node.description());
            let help = if node.is_null() {
                "write `{}` for a map without keys"
            } else {
                "write `key: value` lines, indented"
            };
            report.error_help(Code::WrongType, node.span, message, help);
            return None;
        };
        let mut fields = Self {
            section,
            entries: BTreeMap::new(),
            doubtful: false,
        };
        fields.add(report, entries);
        Some(fields)
    }

    /// The value of a key, or of its other name.
    pub(super) fn get(&self, report: &Report<'_>, name: &'static str) -> Option<&'n Node> {
        self.entry(report, name).map(|entry| &*entry.value)
    }

    /// The key and its value.
    pub(super) fn entry(&self, report: &Report<'_>, name: &'static str) -> Option<&'n Entry> {
        debug_assert!(
            self.section.key(name).is_some(),
            "{name} is not declared for {}",
            self.section.name
        );
        let own = self.entries.get(name).copied();
        let other = self
            .section
            .keys()
            .filter(|key| key.status == Status::OtherName(name))
            .find_map(|key| self.entries.get(key.name));
        match (own, other) {
            (Some(_), Some(other)) => {
                let message = format!("`{}` is the original name of `{name}`; both are given", other.key.value);
                report.error_help(Code::ConflictingKeys, other.key.span, message, "remove one of them");
                own
            }
            (own, other) => own.or(other.copied()),
        }
    }

    /// Whether one of these keys is there.
    pub(super) fn first_of(&self, names: &[&str]) -> Option<&'n Entry> {
        names.iter().find_map(|name| self.entries.get(name).copied())
    }

    /// Reports that nothing would be done, unless what should be done may be behind a key that was refused.
    pub(super) fn nothing_to_do(&self, report: &Report<'_>, place: Span, message: &str, help: &str) {
        if !self.doubtful {
            report.error_help(Code::NothingToDo, place, message, help);
        }
    }

    /// Reports a key that must be there.
    pub(super) fn require(&self, report: &Report<'_>, name: &'static str, place: Span) {
        if !self.doubtful && !self.entries.contains_key(name) {
            let message = format!("{} needs the key `{name}`", self.section.said());
            report.error(Code::MissingKey, place, message);
        }
    }

    fn add(&mut self, report: &Report<'_>, entries: &'n [Entry]) {
        let mut used = None;
        for entry in entries {
            let name = entry.key.value.as_str();
            if name == "use" && self.section.key("use").is_some() {
                used = Some(entry);
            } else if let Some(key) = self.section.key(name) {
                if accepted(report, key, entry) {
                    self.entries.entry(key.name).or_insert(entry);
                } else {
                    self.doubtful |= !matches!(key.status, Status::NotYet(_));
                }
            } else if !(self.section.extensions && name.starts_with("x-")) {
                unknown(report, self.section, entry);
                self.doubtful = true;
            }
        }
        if let Some(entry) = used {
            self.add_used(report, entry);
        }
    }

    fn add_used(&mut self, report: &Report<'_>, entry: &'n Entry) {
        match &entry.value.value {
            Value::Map(entries) => self.add(report, entries),
            _ => {
                let message = format!("`use` takes one map, found {}", entry.value.description());
                report.error_help(
                    Code::WrongType,
                    entry.key.span,
                    message,
                    "write `use: *anchor` of a map",
                );
                self.doubtful = true;
            }
        }
    }
}

/// Reports a key that is declared and refused.
fn accepted(report: &Report<'_>, key: &'static Key, entry: &Entry) -> bool {
    let span = entry.key.span;
    match key.status {
        Status::Works | Status::Required | Status::OtherName(_) => return true,
        Status::NotYet(sentence) => {
            check_shape(report, &entry.value, &key.kind, key.name);
            if !is_switched_off(&entry.value) {
                report.error(Code::NotYet, span, format!("not yet: `{}`: {sentence}", key.name));
            }
        }
        Status::Original(sentence) => {
            let message = format!("`{}` of the original format is not supported", key.name);
            report.error_help(Code::OriginalFormat, span, message, sentence);
        }
        Status::Credential(sentence) => {
            let message = format!("a `{}` does not belong into a file of the repository", key.name);
            report.error_help(Code::TokenInFile, span, message, sentence);
        }
        Status::Misplaced(sentence) => {
            report.error_help(
                Code::UnknownKey,
                span,
                format!("`{}` cannot stand here", key.name),
                sentence,
            );
        }
    }
    false
}

/// `docker: false` and `approval: none` ask for nothing.
fn is_switched_off(node: &Node) -> bool {
    match &node.value {
        Value::Scalar(scalar) => scalar.kind() == ScalarKind::Bool(false) || scalar.text == "none",
        Value::List(_) | Value::Map(_) => false,
    }
}

fn unknown(report: &Report<'_>, section: &'static Section, entry: &Entry) {
    let name = entry.key.value.as_str();
    let span = entry.key.span;
    let known_word = synonym(name).filter(|ours| section.proposals().any(|known| known == *ours));
    if let Some(reason) = foreign(name) {
        report.error_help(Code::Refused, span, format!("`{name}` is refused on purpose"), reason);
    } else if let Some(instead) = section.sub_steps.filter(|_| is_sub_step(&entry.value)) {
        let message = format!("{} looks like a named sub-step of {}", quote(name), section.said());
        report.error_help(Code::OriginalFormat, span, message, instead);
    } else {
        let message = format!("{} has no key {}", section.said(), quote(name));
        match known_word.or_else(|| nearest(name, section.proposals())) {
            Some(right) => report.error_help(Code::UnknownKey, span, message, format!("did you mean `{right}`?")),
            None => report.error_help(Code::UnknownKey, span, message, known_keys(section)),
        }
    }
}

fn known_keys(section: &Section) -> String {
    let names: Vec<&str> = section
        .keys()
        .filter(|key| matches!(key.status, Status::Works | Status::Required))
        .map(|key| key.name)
        .collect();
    format!("known here: {}", names.join(", "))
}

/// A map that holds what only a container or an image could hold.
fn is_sub_step(node: &Node) -> bool {
    const TELLING: [&str; 8] = [
        "image",
        "commands",
        "dockerfile",
        "dockerfile_name",
        "context_dir",
        "context",
        "repository",
        "environment",
    ];
    match &node.value {
        Value::Map(entries) => entries.iter().any(|entry| TELLING.contains(&entry.key.value.as_str())),
        Value::List(_) | Value::Scalar(Scalar { .. }) => false,
    }
}
