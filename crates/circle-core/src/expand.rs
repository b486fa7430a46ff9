//! `${NAME}` and `${NAME:-text}` in texts of the pipeline file; nothing else that a shell does.
//!
//! `$${` is a literal `${`. A name that is not set, and one that is set to nothing where a text follows `:-`, take that
//! text; a name without a text that is not set is an error, never an empty text. What comes out is not expanded again.

mod variables;

use std::collections::BTreeMap;

pub use variables::{
    BuiltImage, RunFacts, Scope, image_variables, is_known_variable, known_variables, ref_slug, variables, variables_of,
};

/// Why a text cannot be expanded, whatever the names stand for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// `${` without its `}`.
    #[error("a `${{` is never closed")]
    NotClosed,
    /// The text between the braces does not begin with a name.
    #[error("`{0}` is no name")]
    NotAName(String),
    /// Something else than `:-` behind the name.
    #[error("`{0}`: only `:-` can stand behind a name")]
    UnknownOperator(String),
}

/// Why a text could not be expanded with these names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpandError {
    /// The text itself is at fault.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// Not set, and no text behind `:-`.
    #[error("`{0}` is not set here; write `${{{0}:-text}}` to say what counts then")]
    NotSet(String),
}

/// A stretch of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece<'a> {
    Literal(&'a str),
    Name { name: &'a str, fallback: Option<&'a str> },
}

/// Puts in what the names stand for.
///
/// # Errors
/// [`ExpandError`] names the variable that is not set, or what is wrong with the text.
pub fn expand(text: &str, names: &BTreeMap<String, String>) -> Result<String, ExpandError> {
    let mut out = String::with_capacity(text.len());
    for piece in pieces(text) {
        match piece? {
            Piece::Literal(literal) => out.push_str(literal),
            Piece::Name { name, fallback } => {
                let value = names.get(name).map(String::as_str);
                let found = match fallback {
                    Some(fallback) => value.filter(|value| !value.is_empty()).or(Some(fallback)),
                    None => value,
                };
                out.push_str(found.ok_or_else(|| ExpandError::NotSet(name.to_owned()))?);
            }
        }
    }
    Ok(out)
}

/// Whether the text could be expanded if all its names were set.
///
/// # Errors
/// The first fault of the text.
pub fn check(text: &str) -> Result<(), TemplateError> {
    pieces(text).try_for_each(|piece| piece.map(drop))
}

/// The names in a text, each with whether it can do without being set. A text that cannot be expanded yields those before
/// its fault.
pub fn names_in(text: &str) -> impl Iterator<Item = (&str, bool)> {
    pieces(text).filter_map(|piece| match piece {
        Ok(Piece::Name { name, fallback }) => Some((name, fallback.is_some())),
        Ok(Piece::Literal(_)) | Err(_) => None,
    })
}

/// Whether anything in the text would change by expansion.
pub fn has_names(text: &str) -> bool {
    text.contains("${")
}

fn pieces(text: &str) -> impl Iterator<Item = Result<Piece<'_>, TemplateError>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (piece, tail) = next_piece(rest);
        rest = tail;
        Some(piece)
    })
}

/// The first piece of a text that is not empty, and what follows it. A fault ends the text.
fn next_piece(text: &str) -> (Result<Piece<'_>, TemplateError>, &str) {
    if let Some(tail) = text.strip_prefix("$${") {
        return (Ok(Piece::Literal("${")), tail);
    }
    let Some(inside) = text.strip_prefix("${") else {
        // A literal goes up to the next `${`, or to the `$${` that hides one.
        let end = text.match_indices("${").map(|(at, _)| at).next().unwrap_or(text.len());
        let end = if end > 1 && end < text.len() && text[..end].ends_with('$') {
            end - 1
        } else {
            end
        };
        let (literal, tail) = text.split_at(end);
        return (Ok(Piece::Literal(literal)), tail);
    };
    let Some((inner, tail)) = inside.split_once('}') else {
        return (Err(TemplateError::NotClosed), "");
    };
    let name_bytes = inner
        .bytes()
        .take_while(|b| b.is_ascii_alphanumeric() || *b == b'_')
        .count();
    let (name, operator) = inner.split_at(name_bytes);
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return (Err(TemplateError::NotAName(inner.chars().take(40).collect())), "");
    }
    match operator {
        "" => (Ok(Piece::Name { name, fallback: None }), tail),
        operator => match operator.strip_prefix(":-") {
            Some(fallback) if !fallback.contains("${") => (
                Ok(Piece::Name {
                    name,
                    fallback: Some(fallback),
                }),
                tail,
            ),
            _ => (
                Err(TemplateError::UnknownOperator(inner.chars().take(40).collect())),
                "",
            ),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{ExpandError, TemplateError, check, expand, names_in};

    fn names() -> BTreeMap<String, String> {
        [("A", "one"), ("EMPTY", ""), ("NESTED", "${A}")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
    }

    #[test]
    fn names_and_fallbacks_are_put_in() {
        for (text, wanted) in [
            ("", ""),
            ("plain $HOME $5 $", "plain $HOME $5 $"),
            ("x-${A}-y", "x-one-y"),
            ("${A}${A}", "oneone"),
            ("${B:-two}", "two"),
            ("${EMPTY:-two}", "two"),
            ("[${EMPTY}]", "[]"),
            ("${B:-}", ""),
            ("$${A}", "${A}"),
            ("a$${A}b${A}", "a${A}bone"),
            ("$$", "$$"),
            ("${NESTED}", "${A}"),
            ("中${A}文", "中one文"),
        ] {
            assert_eq!(expand(text, &names()).as_deref(), Ok(wanted), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_expanded_is_named() {
        assert_eq!(expand("${B}", &names()), Err(ExpandError::NotSet("B".to_owned())));
        assert_eq!(check("a ${A"), Err(TemplateError::NotClosed));
        assert_eq!(check("${}"), Err(TemplateError::NotAName(String::new())));
        assert_eq!(check("${1A}"), Err(TemplateError::NotAName("1A".to_owned())));
        assert_eq!(check("${A:+x}"), Err(TemplateError::UnknownOperator("A:+x".to_owned())));
        assert_eq!(check("${A-x}"), Err(TemplateError::UnknownOperator("A-x".to_owned())));
        check("${A:-${B}}").expect_err("no names in names");
    }

    #[test]
    fn names_are_listed_with_whether_they_must_be_set() {
        let found: Vec<_> = names_in("$${X} ${A} ${B:-c}").collect();
        assert_eq!(found, [("A", false), ("B", true)]);
    }
}
