//! The tree between the text and the grammar.

use std::rc::Rc;

use crate::pipeline::source::{Span, Spanned};

/// One value. Aliases share the node that they name, so a tree takes no more memory than its text.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) span: Span,
    /// Nodes in it with every alias followed.
    pub(crate) size: usize,
    /// Levels beneath it with every alias followed.
    pub(crate) height: usize,
}

#[derive(Debug)]
pub(crate) enum Value {
    Scalar(Scalar),
    List(Vec<Rc<Node>>),
    Map(Vec<Entry>),
}

/// One line of a map. Keys are unique in it.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: Spanned<String>,
    pub(crate) value: Rc<Node>,
}

/// A text as it was written; numbers keep every digit (`1.10` stays `1.10`).
#[derive(Debug)]
pub(crate) struct Scalar {
    pub(crate) text: String,
    /// Without quotes: then it may mean a number, a truth value or nothing.
    pub(crate) plain: bool,
}

/// What a scalar means by the rules of YAML 1.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ScalarKind {
    Text,
    Number,
    Bool(bool),
    Null,
    /// A truth value for YAML 1.1, a text for YAML 1.2: every reader is surprised by one of them.
    Ambiguous,
}

impl Scalar {
    pub(crate) fn kind(&self) -> ScalarKind {
        if !self.plain {
            return ScalarKind::Text;
        }
        match self.text.as_str() {
            "" | "~" | "null" | "Null" | "NULL" => ScalarKind::Null,
            "true" | "True" | "TRUE" => ScalarKind::Bool(true),
            "false" | "False" | "FALSE" => ScalarKind::Bool(false),
            text if is_ambiguous(text) => ScalarKind::Ambiguous,
            text if is_number(text) => ScalarKind::Number,
            _ => ScalarKind::Text,
        }
    }
}

impl Node {
    pub(crate) fn scalar(text: String, plain: bool, span: Span) -> Self {
        Self {
            value: Value::Scalar(Scalar { text, plain }),
            span,
            size: 1,
            height: 1,
        }
    }

    /// What this is, for a message that begins with "found".
    pub(crate) fn description(&self) -> &'static str {
        match &self.value {
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
            Value::Scalar(scalar) => match scalar.kind() {
                ScalarKind::Text => "a text",
                ScalarKind::Number => "a number",
                ScalarKind::Bool(_) => "a truth value",
                ScalarKind::Null => "nothing",
                ScalarKind::Ambiguous => "a bare yes/no word",
            },
        }
    }

    pub(crate) fn is_empty_list(&self) -> bool {
        matches!(&self.value, Value::List(items) if items.is_empty())
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar(scalar) if scalar.kind() == ScalarKind::Null)
    }
}

fn is_ambiguous(text: &str) -> bool {
    let words = ["yes", "no", "on", "off"];
    let one_case = text == text.to_lowercase() || text == text.to_uppercase() || capitalised(text);
    one_case && words.contains(&text.to_lowercase().as_str())
}

fn capitalised(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(char::is_uppercase) && chars.all(char::is_lowercase)
}

fn is_number(text: &str) -> bool {
    let hex = |digits: &str| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit());
    let octal = |digits: &str| !digits.is_empty() && digits.bytes().all(|b| (b'0'..=b'7').contains(&b));
    let has_digit = text.bytes().any(|b| b.is_ascii_digit());
    let plausible = text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    text.strip_prefix("0x").is_some_and(hex)
        || text.strip_prefix("0o").is_some_and(octal)
        || (has_digit && plausible && text.parse::<f64>().is_ok())
        || matches!(
            text.trim_start_matches(['+', '-']),
            ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN"
        )
}

#[cfg(test)]
mod tests {
    use super::{Scalar, ScalarKind};

    fn kind(text: &str) -> ScalarKind {
        Scalar {
            text: text.to_owned(),
            plain: true,
        }
        .kind()
    }

    #[test]
    fn words_mean_what_yaml_1_2_says_and_the_old_truth_words_nothing() {
        for text in ["yes", "No", "ON", "off"] {
            assert_eq!(kind(text), ScalarKind::Ambiguous, "{text}");
        }
        for text in ["1", "-1.5", "1e3", "0x1F", "0o17", ".inf", "1.10"] {
            assert_eq!(kind(text), ScalarKind::Number, "{text}");
        }
        for text in ["1.2.3", "yEs", "y", "N", "e", "-", "1m", "none", "0x"] {
            assert_eq!(kind(text), ScalarKind::Text, "{text}");
        }
        assert_eq!(kind("~"), ScalarKind::Null);
        assert_eq!(
            Scalar {
                text: "no".to_owned(),
                plain: false
            }
            .kind(),
            ScalarKind::Text
        );
    }
}
