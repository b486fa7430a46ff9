//! `.dockerignore`: which files of a context are left out.

use globset::{GlobBuilder, GlobMatcher};

/// The patterns of one file, in its order; the last that matches decides.
#[derive(Debug, Default)]
pub(super) struct Ignore {
    rules: Vec<(bool, GlobMatcher)>,
    /// Never left out: the Dockerfile and the list itself.
    kept: Vec<String>,
}

impl Ignore {
    /// Reads the patterns; a line that is no pattern is given back as a warning.
    pub(super) fn parse(text: &str, kept: Vec<String>) -> (Self, Vec<String>) {
        let mut this = Self {
            rules: Vec::new(),
            kept,
        };
        let mut warnings = Vec::new();
        for line in text.trim_start_matches('\u{feff}').lines().map(str::trim) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (keeps, pattern) = line.strip_prefix('!').map_or((false, line), |rest| (true, rest.trim()));
            let pattern = clean(pattern);
            if pattern.is_empty() {
                continue;
            }
            match GlobBuilder::new(&pattern)
                .literal_separator(true)
                .backslash_escape(true)
                .build()
            {
                Ok(glob) => this.rules.push((keeps, glob.compile_matcher())),
                Err(error) => warnings.push(format!("`{line}` of .dockerignore is no pattern: {error}")),
            }
        }
        (this, warnings)
    }

    /// Whether a file, named from the context's root, is left out: a rule for a folder counts for all that lies in it.
    pub(super) fn leaves_out(&self, path: &str) -> bool {
        if path.is_empty() || self.kept.iter().any(|kept| kept == path) {
            return false;
        }
        let mut out = false;
        for (keeps, glob) in &self.rules {
            if out == *keeps && (glob.is_match(path) || parents(path).any(|parent| glob.is_match(parent))) {
                out = !keeps;
            }
        }
        out
    }
}

/// Without leading and trailing slashes and `.` parts, as the docker client cleans them.
fn clean(pattern: &str) -> String {
    let parts: Vec<&str> = pattern
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    parts.join("/")
}

fn parents(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..at])
}

#[cfg(test)]
mod tests {
    use super::Ignore;

    #[test]
    fn patterns_work_as_in_docker() {
        let text = "# comment\n/target\n**/*.log\nnode_modules/\n!node_modules/keep.js\n*.md\n!README.md\n";
        let (ignore, warnings) = Ignore::parse(text, vec!["Dockerfile".into()]);
        assert_eq!(warnings, Vec::<String>::new());
        for path in [
            "target",
            "target/debug/x",
            "a.log",
            "deep/down/b.log",
            "node_modules/x.js",
            "NOTES.md",
        ] {
            assert!(ignore.leaves_out(path), "{path} should be left out");
        }
        for path in [
            "src/target.rs",
            "src/target",
            "node_modules/keep.js",
            "README.md",
            "docs/x.md",
            "Dockerfile",
            "",
        ] {
            assert!(!ignore.leaves_out(path), "{path} should stay");
        }
    }

    #[test]
    fn what_the_build_needs_stays() {
        let (ignore, _) = Ignore::parse("*", vec!["Dockerfile".into(), ".dockerignore".into()]);
        assert!(ignore.leaves_out("main.c"));
        assert!(!ignore.leaves_out("Dockerfile"));
    }
}
