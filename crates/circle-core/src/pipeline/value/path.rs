//! Paths as they may stand in a file that anybody can write: no way out of the checkout, nothing that cannot exist.

use crate::pipeline::bounds::{MAX_PATH_BYTES, MAX_PATH_COMPONENT_BYTES};

/// A path beneath the checkout: no leading slash, no `..`; `./a//b/` becomes `a/b`, and the checkout itself is `.`.
pub(crate) fn relative_path(text: &str) -> Result<String, &'static str> {
    if text.starts_with('/') {
        return Err("write it relative to the checkout, without a leading slash");
    }
    if text.starts_with('~') {
        return Err("there is no home folder here; write it relative to the checkout");
    }
    let parts = components(text)?;
    if parts.is_empty() {
        Ok(".".to_owned())
    } else {
        Ok(parts.join("/"))
    }
}

/// A path in a container: absolute, no `..`, not the root itself.
pub(crate) fn absolute_path(text: &str) -> Result<String, &'static str> {
    if !text.starts_with('/') {
        return Err("write an absolute path, beginning with a slash");
    }
    let parts = components(text)?;
    if parts.is_empty() {
        return Err("the root of the container cannot be taken");
    }
    Ok(format!("/{}", parts.join("/")))
}

fn components(text: &str) -> Result<Vec<&str>, &'static str> {
    if text.is_empty() {
        return Err("the path is empty");
    }
    if text.len() > MAX_PATH_BYTES {
        return Err("the path is longer than 4096 bytes");
    }
    if text.chars().any(|c| c.is_control() || is_invisible(c)) {
        return Err("the path holds control characters or invisible ones");
    }
    let parts: Vec<&str> = text
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    if parts.contains(&"..") {
        return Err("`..` is refused: a path cannot lead out of where it begins");
    }
    if parts.iter().any(|part| part.len() > MAX_PATH_COMPONENT_BYTES) {
        return Err("one name in the path is longer than 255 bytes");
    }
    Ok(parts)
}

/// Characters that make a path look like another: zero-width ones and those that turn the direction of writing.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{ad}')
}

#[cfg(test)]
mod tests {
    use super::{absolute_path, relative_path};

    #[test]
    fn paths_are_normalised() {
        assert_eq!(relative_path("./a//b/"), Ok("a/b".to_owned()));
        assert_eq!(relative_path("."), Ok(".".to_owned()));
        assert_eq!(relative_path("a/...b"), Ok("a/...b".to_owned()));
        assert_eq!(absolute_path("/go//pkg/./mod/"), Ok("/go/pkg/mod".to_owned()));
    }

    #[test]
    fn sec_34_names_that_lead_out_or_cannot_exist_are_refused() {
        let long = "x".repeat(256);
        let deep = "x/".repeat(2500);
        for text in [
            "",
            "/a",
            "..",
            "a/../b",
            "a/..",
            "~/x",
            "a\0b",
            "a\nb",
            "a\u{202e}b",
            long.as_str(),
            deep.as_str(),
        ] {
            relative_path(text).expect_err(text);
        }
        for text in ["", "a", "/", "/..", "/a/../..", "/a\0"] {
            absolute_path(text).expect_err(text);
        }
    }
}
