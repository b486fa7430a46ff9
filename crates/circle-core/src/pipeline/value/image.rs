//! Image references by the grammar of the distribution project (`reference` package):
//! `[domain[:port]/]path[:tag][@algorithm:hex]`.

/// Longest repository name, domain included, as registries have it.
const MAX_REPOSITORY_BYTES: usize = 255;
/// Longest tag, as registries have it.
const MAX_TAG_BYTES: usize = 128;

/// A reference taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageReference<'a> {
    /// Domain and path.
    pub repository: &'a str,
    /// Without the colon.
    pub tag: Option<&'a str>,
    /// `sha256:…`.
    pub digest: Option<&'a str>,
}

/// Takes a reference apart.
///
/// # Errors
/// A sentence that says what the grammar does not allow.
pub fn parse_image(text: &str) -> Result<ImageReference<'_>, &'static str> {
    if text.contains("://") {
        return Err("write it without a scheme such as https://");
    }
    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (text, None),
    };
    let (repository, tag) = split_tag(rest);
    if let Some(digest) = digest {
        parse_digest(digest)?;
    }
    if let Some(tag) = tag {
        parse_tag(tag)?;
    }
    check_repository(repository)?;
    Ok(ImageReference {
        repository,
        tag,
        digest,
    })
}

/// Checks a repository as `repository:` has it: `registry/path`, the registry by its name in the workspace.
///
/// # Errors
/// A sentence that says what to write.
pub fn parse_repository(text: &str) -> Result<(), &'static str> {
    if text.contains('@') || split_tag(text).1.is_some() {
        return Err("write the tag beneath `tags`, and no digest");
    }
    let first = text.split('/').next().unwrap_or("");
    if first.contains(['.', ':']) || first == "localhost" {
        return Err("write the registry's name in the workspace in place of its host");
    }
    check_repository(text)
}

/// Checks a tag.
///
/// # Errors
/// A sentence that says what the grammar does not allow.
pub fn parse_tag(text: &str) -> Result<(), &'static str> {
    let head = text
        .bytes()
        .next()
        .is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
    let rest = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
    if head && rest && text.len() <= MAX_TAG_BYTES {
        Ok(())
    } else {
        Err("a tag has 1 to 128 letters, digits, `_`, `.` and `-`, and begins with a letter, a digit or `_`")
    }
}

/// Whether `repository` is `base` or lies beneath it, whole components only.
pub fn is_beneath(repository: &str, base: &str) -> bool {
    repository
        .strip_prefix(base.trim_end_matches('/'))
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A repository with the host and the folder that are understood where none is written.
pub(crate) fn full_repository(repository: &str) -> String {
    const HUB: &str = "docker.io";
    let (host, path) = match repository.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (first, rest),
        _ => (HUB, repository),
    };
    if host == HUB && !path.contains('/') {
        return format!("{HUB}/library/{path}");
    }
    format!("{host}/{path}")
}

/// A colon behind the last slash begins a tag; one before it, a port.
pub(crate) fn split_tag(text: &str) -> (&str, Option<&str>) {
    let name = text.rfind('/').map_or(0, |at| at + 1);
    match text[name..].find(':') {
        Some(at) => (&text[..name + at], Some(&text[name + at + 1..])),
        None => (text, None),
    }
}

fn parse_digest(text: &str) -> Result<(), &'static str> {
    const FORM: &str = "a digest is written sha256: and 64 lower-case hex digits";
    let (algorithm, hex) = text.split_once(':').ok_or(FORM)?;
    let wanted = match algorithm {
        "sha256" => 64,
        "sha512" => 128,
        _ => return Err(FORM),
    };
    let lower_hex = hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if lower_hex && hex.len() == wanted {
        Ok(())
    } else {
        Err(FORM)
    }
}

fn check_repository(text: &str) -> Result<(), &'static str> {
    if text.is_empty() {
        return Err("the name of the image is missing");
    }
    if text.len() > MAX_REPOSITORY_BYTES {
        return Err("the name is longer than 255 bytes");
    }
    let path = match text.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => {
            check_domain(first)?;
            rest
        }
        _ => text,
    };
    if path.bytes().any(|b| b.is_ascii_uppercase()) {
        return Err("the name of an image has lower-case letters only");
    }
    if path.split('/').all(is_component) {
        Ok(())
    } else {
        Err(
            "each part of the name has lower-case letters and digits, with single `.`, `_`, `__` or hyphens between them",
        )
    }
}

fn check_domain(text: &str) -> Result<(), &'static str> {
    const FORM: &str = "the registry's host is badly formed";
    let (host, port) = text
        .rsplit_once(':')
        .map_or((text, None), |(host, port)| (host, Some(port)));
    if port.is_some_and(|port| port.parse::<u16>().is_err()) {
        return Err("the registry's port is no port");
    }
    let label = |label: &str| {
        let inner = label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        !label.is_empty() && inner && !label.starts_with('-') && !label.ends_with('-')
    };
    let bracketed = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let address = bracketed.is_some_and(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok());
    if address || host.split('.').all(label) {
        Ok(())
    } else {
        Err(FORM)
    }
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn is_component(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = text.as_bytes();
    let ends = bytes.first().is_some_and(|b| plain(*b)) && bytes.last().is_some_and(|b| plain(*b));
    let gaps = text.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    ends && gaps
        .filter(|gap| !gap.is_empty())
        .all(|gap| matches!(gap, "." | "_" | "__") || gap.bytes().all(|b| b == b'-'))
}

#[cfg(test)]
mod tests {
    use super::{is_beneath, parse_image, parse_repository};

    #[test]
    fn references_of_every_form_are_taken_apart() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let full = format!("registry.example.org:5000/team/app:1.2@{digest}");
        let parsed = parse_image(&full).expect("a full reference");
        assert_eq!(parsed.repository, "registry.example.org:5000/team/app");
        assert_eq!(parsed.tag, Some("1.2"));
        assert_eq!(parsed.digest, Some(digest.as_str()));
        for text in [
            "redis",
            "redis:7",
            "library/redis",
            "localhost/a",
            "a__b/c-d.e",
            "a---b",
            "[::1]:5000/x",
        ] {
            parse_image(text).expect(text);
        }
    }

    #[test]
    fn what_no_registry_could_hold_is_refused() {
        for text in [
            "",
            ":7",
            "Redis",
            "a//b",
            "/a",
            "a/",
            "a_",
            "a..b",
            "a:b:c",
            "a@sha256:xyz",
            "a b",
            "-a",
            "a:",
            "a.b:x/c",
        ] {
            parse_image(text).expect_err(text);
        }
    }

    #[test]
    fn repositories_name_a_registry_of_the_workspace() {
        parse_repository("main/shop/web").expect("fine");
        for text in [
            "docker.io/shop",
            "localhost/x",
            "reg:5000/x",
            "main/shop:1",
            "main/Shop",
            "",
        ] {
            parse_repository(text).expect_err(text);
        }
        assert!(is_beneath("main/shop/web", "main/shop"));
        assert!(is_beneath("main/shop", "main/shop/"));
        assert!(!is_beneath("main/shopping", "main/shop"));
    }
}
