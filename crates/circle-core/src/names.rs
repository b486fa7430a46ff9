//! Names that come from outside and later stand in an argument vector, a path or a label: parsed once, at the edge.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest ref that is taken, in bytes; git itself stops at what a path can hold.
pub const MAX_REF_BYTES: usize = 250;
/// Longest name of a workspace, service, registry, target or environment, in bytes.
pub const MAX_SLUG_BYTES: usize = 63;

/// Why a name is refused, in a sentence that quotes it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} \"{text}\" is refused: {why}")]
pub struct NameError {
    what: &'static str,
    text: String,
    why: &'static str,
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident, $what:literal, $check:path;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks and wraps.
            ///
            /// # Errors
            /// [`NameError`] says which rule the text breaks.
            pub fn new(text: impl Into<String>) -> Result<Self, NameError> {
                let text = text.into();
                match $check(&text) {
                    Ok(()) => Ok(Self(text)),
                    Err(why) => Err(NameError { what: $what, text: text.chars().take(80).collect(), why }),
                }
            }

            /// The checked text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
    )*};
}

names! {
    /// A full ref such as `refs/heads/main`.
    GitRef, "the ref", check_full_ref;
    /// A branch without `refs/heads/`.
    BranchName, "the branch", check_short_ref;
    /// A tag without `refs/tags/`.
    TagName, "the tag", check_short_ref;
    /// A full commit id: 40 or 64 lower-case hex digits.
    CommitId, "the commit", check_commit;
    /// The name of a workspace, service, registry, target or environment.
    Slug, "the name", check_slug;
    /// The name of a variable or a secret.
    VariableName, "the variable", check_variable;
}

impl CommitId {
    /// The first twelve digits, for people and for `CIRCLE_VERSION`.
    pub fn short(&self) -> &str {
        &self.0[..12]
    }
}

impl BranchName {
    /// The branch as a full ref.
    pub fn full(&self) -> GitRef {
        GitRef(format!("refs/heads/{}", self.0))
    }
}

impl TagName {
    /// The tag as a full ref.
    pub fn full(&self) -> GitRef {
        GitRef(format!("refs/tags/{}", self.0))
    }
}

fn check_full_ref(text: &str) -> Result<(), &'static str> {
    let rest = text.strip_prefix("refs/").ok_or("a full ref begins with refs/")?;
    check_short_ref(rest)
}

/// The rules of `git check-ref-format`, and no leading hyphen, so that a ref is never taken for an option.
fn check_short_ref(text: &str) -> Result<(), &'static str> {
    if text.is_empty() {
        return Err("it is empty");
    }
    if text.len() > MAX_REF_BYTES {
        return Err("it is longer than 250 bytes");
    }
    if text.starts_with('-') {
        return Err("a ref that begins with a hyphen could be taken for an option");
    }
    if text == "@" || text.contains("@{") || text.contains("..") || text.contains("//") {
        return Err("git does not allow \"@\" alone, \"@{\", \"..\" or \"//\" in a ref");
    }
    if text.starts_with('/') || text.ends_with('/') || text.ends_with('.') {
        return Err("a ref neither begins nor ends with a slash, nor ends with a dot");
    }
    if text.chars().any(|c| c.is_control() || " ~^:?*[\\".contains(c)) {
        return Err("git does not allow spaces, control characters or any of ~^:?*[\\ in a ref");
    }
    if text
        .split('/')
        .any(|part| part.starts_with('.') || part.ends_with(".lock"))
    {
        return Err("no part of a ref begins with a dot or ends with .lock");
    }
    Ok(())
}

fn check_commit(text: &str) -> Result<(), &'static str> {
    let hex = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if hex && matches!(text.len(), 40 | 64) {
        Ok(())
    } else {
        Err("a commit is 40 or 64 lower-case hex digits")
    }
}

fn check_slug(text: &str) -> Result<(), &'static str> {
    let inner = text
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if text.is_empty() || text.len() > MAX_SLUG_BYTES {
        return Err("it has 1 to 63 characters");
    }
    if !inner || text.starts_with('-') || text.ends_with('-') {
        return Err("it is made of lower-case letters, digits and inner hyphens");
    }
    Ok(())
}

fn check_variable(text: &str) -> Result<(), &'static str> {
    let head = text
        .bytes()
        .next()
        .is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    let rest = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if head && rest && text.len() <= 255 {
        Ok(())
    } else {
        Err("it is made of letters, digits and underscores, begins with no digit, and has at most 255 characters")
    }
}

#[cfg(test)]
mod tests {
    use super::{BranchName, CommitId, GitRef, Slug};

    #[test]
    fn sec_38_refs_that_look_like_options_are_refused() {
        for text in [
            "--upload-pack=touch x",
            "-c",
            "-",
            "refs/heads/../x",
            "a b",
            "x.lock",
            "a..b",
            "",
        ] {
            BranchName::new(text).expect_err(text);
        }
        GitRef::new("main").expect_err("a full ref begins with refs/");
        GitRef::new("refs/-x").expect_err("no part that could be an option");
    }

    #[test]
    fn ordinary_refs_pass() {
        for text in ["main", "feature/äöü", "release-1.2", "v1.0.0", "a@b"] {
            BranchName::new(text).expect("an ordinary branch");
        }
        assert_eq!(
            BranchName::new("main").expect("fine").full().as_str(),
            "refs/heads/main"
        );
    }

    #[test]
    fn commits_are_full_and_lower_case() {
        CommitId::new("0123456789abcdef0123456789abcdef01234567").expect("forty digits");
        CommitId::new("0123456").expect_err("short");
        CommitId::new("0123456789ABCDEF0123456789abcdef01234567").expect_err("upper case");
    }

    #[test]
    fn slugs_are_labels() {
        Slug::new("pay-api").expect("fine");
        for text in ["", "-a", "a-", "A", "a_b", "a.b"] {
            Slug::new(text).expect_err(text);
        }
    }
}
