//! YAML as JSON, for the schema: aliases followed, plain scalars by the rules of YAML 1.2.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value};

/// The only document; `None` when the text is no YAML.
pub(crate) fn to_json(text: &str) -> Option<Value> {
    let mut anchors = BTreeMap::new();
    let mut open: Vec<(usize, Vec<Value>, bool)> = Vec::new();
    for event in Parser::new_from_str(text) {
        let (value, anchor) = match event.ok()?.0 {
            Event::SequenceStart(anchor, _) => {
                open.push((anchor, Vec::new(), false));
                continue;
            }
            Event::MappingStart(anchor, _) => {
                open.push((anchor, Vec::new(), true));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let (anchor, items, is_map) = open.pop()?;
                (if is_map { map(items)? } else { Value::Array(items) }, anchor)
            }
            Event::Alias(anchor) => (anchors.get(&anchor).cloned()?, 0),
            Event::Scalar(text, style, anchor, _) => (scalar(&text, style == ScalarStyle::Plain), anchor),
            _ => continue,
        };
        if anchor > 0 {
            anchors.insert(anchor, value.clone());
        }
        match open.last_mut() {
            Some((_, items, _)) => items.push(value),
            None => return Some(value),
        }
    }
    None
}

/// Keys and values in turn.
fn map(items: Vec<Value>) -> Option<Value> {
    let mut map = Map::new();
    for pair in items.chunks_exact(2) {
        let key = match &pair[0] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        if map.insert(key, pair[1].clone()).is_some() {
            return None;
        }
    }
    Some(Value::Object(map))
}

fn scalar(text: &str, plain: bool) -> Value {
    match text {
        "" | "~" | "null" if plain => Value::Null,
        "true" | "True" | "TRUE" if plain => Value::Bool(true),
        "false" | "False" | "FALSE" if plain => Value::Bool(false),
        text if plain && text.starts_with(|c: char| c.is_ascii_digit() || c == '-') => {
            let whole = text.parse::<i64>().map(Value::from);
            whole.unwrap_or_else(|_| text.parse::<f64>().map_or_else(|_| Value::from(text), Value::from))
        }
        text => Value::from(text),
    }
}
