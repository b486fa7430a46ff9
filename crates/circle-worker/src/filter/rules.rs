//! What a body may hold: every key has a rule, and a key without one must say nothing.
//!
//! Go, which the engine is written in, reads keys in any case, takes the last of two and merges objects. So a body is read
//! into a map, judged, and written anew under the keys as they are spelled here.

use serde_json::{Map, Value};

use super::Refusal;

/// What a value may be.
pub(super) enum Rule {
    /// Anything: it gives no right.
    Any,
    /// Nothing at all, as a client writes it that sends every key: null, false, 0, "", [] or {}.
    Empty,
    /// Null only: an empty list would already mean something.
    Null,
    /// One of these texts, or nothing.
    OneOf(&'static [&'static str]),
    /// What this function makes of it.
    By(fn(&Value) -> Result<Value, Refusal>),
}

/// The rules of an object: names as the engine spells them.
pub(super) type Rules = &'static [(&'static str, Rule)];

/// Judges an object and writes it anew.
pub(super) fn judge(what: &str, value: &Value, rules: Rules) -> Result<Map<String, Value>, Refusal> {
    let Value::Object(given) = value else {
        return Err(Refusal::new(format!("{what} is no object")));
    };
    let mut written = Map::new();
    for (key, value) in given {
        let Some((name, rule)) = rules.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)) else {
            if is_empty(value) {
                continue;
            }
            return Err(Refusal::new(format!("`{}` of {what} is not allowed", shown(key))));
        };
        let value = by_rule(what, name, value, rule)?;
        if written.insert((*name).to_owned(), value).is_some() {
            return Err(Refusal::new(format!("`{name}` of {what} is given twice")));
        }
    }
    Ok(written)
}

fn by_rule(what: &str, name: &str, value: &Value, rule: &Rule) -> Result<Value, Refusal> {
    let refused = || {
        Refusal::new(format!(
            "`{name}` of {what} is not allowed: {}",
            shown(&value.to_string())
        ))
    };
    match rule {
        Rule::Any => Ok(value.clone()),
        Rule::Empty if is_empty(value) => Ok(Value::Null),
        Rule::Null if value.is_null() => Ok(Value::Null),
        Rule::OneOf(words) => match value {
            Value::Null => Ok(Value::Null),
            Value::String(word) if word.is_empty() || words.contains(&word.as_str()) => Ok(value.clone()),
            _ => Err(refused()),
        },
        Rule::By(judge) if !value.is_null() => judge(value),
        Rule::By(_) => Ok(Value::Null),
        Rule::Empty | Rule::Null => Err(refused()),
    }
}

/// Whether a value says nothing, in whatever depth.
pub(super) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(entries) => entries.values().all(is_empty),
    }
}

/// A job's own text in a sentence, bounded.
pub(super) fn shown(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(100)
        .collect()
}

/// The texts of a list.
pub(super) fn texts<'v>(what: &str, value: &'v Value) -> Result<Vec<&'v str>, Refusal> {
    let wrong = || Refusal::new(format!("{what} is no list of texts"));
    let items = value.as_array().ok_or_else(wrong)?;
    items.iter().map(|item| item.as_str().ok_or_else(wrong)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Rule, is_empty, judge};

    const RULES: super::Rules = &[("Name", Rule::Any), ("Privileged", Rule::Empty), ("Masked", Rule::Null)];

    fn passes(body: &Value) -> Option<Value> {
        judge("it", body, RULES).ok().map(Value::Object)
    }

    #[test]
    fn a_key_is_written_as_it_is_known_and_never_twice() {
        assert_eq!(passes(&json!({"nAmE": "x"})), Some(json!({"Name": "x"})));
        assert_eq!(passes(&json!({"name": "x", "Name": "y"})), None);
        assert_eq!(passes(&json!(["Name"])), None);
    }

    #[test]
    fn what_is_not_known_must_say_nothing() {
        assert_eq!(
            passes(&json!({"Later": {"a": [], "b": 0}, "More": false})),
            Some(json!({}))
        );
        assert_eq!(passes(&json!({"Later": {"a": [0]}})), None);
        // Go folds this letter to an s; it is no key that is known here.
        assert_eq!(passes(&json!({"MaſKed": [1]})), None);
    }

    #[test]
    fn what_must_be_empty_is_empty() {
        assert!(passes(&json!({"privileged": false, "masked": null})).is_some());
        for body in [
            json!({"privileged": true}),
            json!({"PRIVILEGED": 1}),
            json!({"privileged": "true"}),
            json!({"masked": []}),
        ] {
            assert_eq!(passes(&body), None, "{body}");
        }
        assert!(!is_empty(&json!({"a": {"b": "x"}})));
    }
}
