//! The JSON Schema of the pipeline file, made from the table of keys, for editors.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::keys::{FILE, Key, Kind, Section, Status};

/// The schema (draft 2020-12). It takes every file that [`super::parse`] takes; what needs more than one place of the file,
/// such as names of images, it does not check.
pub fn schema() -> Value {
    let mut definitions = BTreeMap::new();
    let root = section(&FILE, &mut definitions);
    let mut schema = match root {
        Value::Object(map) => map,
        other => Map::from_iter([("allOf".to_owned(), json!([other]))]),
    };
    schema.insert(
        "$schema".to_owned(),
        json!("https://json-schema.org/draft/2020-12/schema"),
    );
    schema.insert("title".to_owned(), json!("Circle pipeline file"));
    schema.insert("$defs".to_owned(), json!(definitions));
    Value::Object(schema)
}

fn section(section: &'static Section, definitions: &mut BTreeMap<&'static str, Value>) -> Value {
    let mut properties = Map::new();
    for key in section.keys().filter(|key| is_shown(key)) {
        properties.insert(key.name.to_owned(), property(key, definitions));
    }
    // A key may come from the map that `use` names, so nothing can be required beside it.
    let takes_use = section.key("use").is_some();
    let required: Vec<&str> = section
        .keys()
        .filter(|key| key.status == Status::Required)
        .map(|key| key.name)
        .collect();
    let mut schema = json!({
        "description": section.doc,
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    });
    if let Value::Object(map) = &mut schema {
        if section.extensions {
            map.insert("patternProperties".to_owned(), json!({"^x-": true}));
        }
        if !takes_use && !required.is_empty() {
            map.insert("required".to_owned(), json!(required));
        }
    }
    schema
}

/// What is refused with what to write instead is not worth proposing; what comes later is described.
fn is_shown(key: &Key) -> bool {
    key.is_accepted() || matches!(key.status, Status::NotYet(_))
}

fn property(key: &'static Key, definitions: &mut BTreeMap<&'static str, Value>) -> Value {
    let mut value = kind(&key.kind, definitions);
    let mut description = key.doc.to_owned();
    match key.status {
        Status::NotYet(sentence) => description.push_str(&format!(" Not yet: {sentence}.")),
        Status::OtherName(name) => description.push_str(&format!(" Write `{name}`.")),
        _ => {}
    }
    if !key.default.is_empty() {
        description.push_str(&format!(" Default: {}.", key.default));
    }
    if let Value::Object(map) = &mut value {
        map.insert("description".to_owned(), json!(description));
        if matches!(key.status, Status::OtherName(_)) {
            map.insert("deprecated".to_owned(), json!(true));
        }
    }
    value
}

fn kind(kind_of: &'static Kind, definitions: &mut BTreeMap<&'static str, Value>) -> Value {
    match kind_of {
        Kind::Text => json!({"type": "string"}),
        Kind::Scalar => json!({"type": ["string", "number", "boolean"]}),
        Kind::Bool => json!({"type": "boolean"}),
        Kind::Integer { min, max } => json!({"type": "integer", "minimum": min, "maximum": max}),
        Kind::Number => json!({"type": "number", "exclusiveMinimum": 0}),
        Kind::Signed => json!({"type": "number"}),
        Kind::Duration => {
            json!({"type": "string", "pattern": "^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?$", "minLength": 2})
        }
        Kind::Size => json!({"type": "string", "pattern": "^[0-9]+([bB]|[kKmMgG]([iI]?[bB])?|[tT]([iI][bB])?)$"}),
        Kind::Port => json!({"type": "integer", "minimum": 1, "maximum": u16::MAX}),
        Kind::Choice(words) => json!({"enum": words}),
        Kind::List(inner) => json!({"type": "array", "items": kind(inner, definitions)}),
        Kind::Map(inner) => json!({"type": "object", "additionalProperties": kind(inner, definitions)}),
        Kind::Either(kinds) => {
            let kinds: Vec<Value> = kinds.iter().map(|one| kind(one, definitions)).collect();
            json!({"anyOf": kinds})
        }
        Kind::Anything => json!({}),
        Kind::Section(inner) => {
            if !definitions.contains_key(inner.name) {
                let made = section(inner, definitions);
                definitions.insert(inner.name, made);
            }
            json!({"$ref": format!("#/$defs/{}", inner.name)})
        }
    }
}
