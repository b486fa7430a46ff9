//! Patterns of branches, tags and paths.
//!
//! In a path `*` stops at a slash and `**` does not; branches and tags are names, so `*` there takes slashes too.
//! A pattern with `!` in front takes out again what earlier ones took in. The last that matches decides.

use globset::{Glob, GlobBuilder, GlobMatcher};

/// Longest pattern that is compiled, in bytes: a compiled pattern is larger than its text.
const MAX_PATTERN_BYTES: usize = 512;
/// More alternatives than this in one pattern would make matching slow.
const MAX_BRACES: usize = 16;

/// A list of patterns, compiled.
#[derive(Debug)]
pub(crate) struct PatternSet(Vec<(bool, GlobMatcher)>);

impl PatternSet {
    /// For branches and tags.
    pub(crate) fn of_names<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        Self::compile(patterns, false)
    }

    /// For paths.
    pub(crate) fn of_paths<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        Self::compile(patterns, true)
    }

    /// Whether the last pattern that matches takes in. A list that begins with `!` begins with everything taken in.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let begin = self.0.first().is_none_or(|(takes_in, _)| !takes_in);
        self.0.iter().fold(
            begin,
            |taken, (takes_in, glob)| if glob.is_match(text) { *takes_in } else { taken },
        )
    }

    fn compile<'a>(patterns: impl IntoIterator<Item = &'a str>, stop_at_slash: bool) -> Result<Self, String> {
        patterns
            .into_iter()
            .map(|text| one(text, stop_at_slash))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

fn one(text: &str, stop_at_slash: bool) -> Result<(bool, GlobMatcher), String> {
    let (takes_in, pattern) = match text.strip_prefix('!') {
        Some(rest) => (false, rest),
        None => (true, text),
    };
    if pattern.is_empty() {
        return Err("the pattern is empty".to_owned());
    }
    if pattern.len() > MAX_PATTERN_BYTES {
        return Err(format!("the pattern is longer than {MAX_PATTERN_BYTES} bytes"));
    }
    if pattern.matches('{').count() > MAX_BRACES {
        return Err(format!("the pattern has more than {MAX_BRACES} braces"));
    }
    let glob: Glob = GlobBuilder::new(pattern)
        .literal_separator(stop_at_slash)
        .backslash_escape(true)
        .build()
        .map_err(|error| format!("the pattern cannot be read: {}", error.kind()))?;
    Ok((takes_in, glob.compile_matcher()))
}

#[cfg(test)]
mod tests {
    use super::PatternSet;

    #[test]
    fn the_last_pattern_that_matches_decides() {
        let paths = PatternSet::of_paths(["**", "!docs/**", "docs/api/*"]).expect("patterns");
        assert!(paths.matches("src/main.rs"));
        assert!(!paths.matches("docs/guide/a.md"));
        assert!(paths.matches("docs/api/a.md"));
        assert!(!paths.matches("docs/api/deep/a.md"));
    }

    #[test]
    fn names_are_no_paths() {
        let branches = PatternSet::of_names(["*"]).expect("pattern");
        assert!(branches.matches("release/1.0"));
        let without = PatternSet::of_names(["!wip/*"]).expect("pattern");
        assert!(without.matches("main"));
        assert!(!without.matches("wip/a/b"));
    }

    #[test]
    fn what_cannot_be_compiled_is_said() {
        for text in ["", "!", "[", "a{b", &"{a,".repeat(40), &"x".repeat(600)] {
            PatternSet::of_names([text]).expect_err(text);
        }
    }
}
