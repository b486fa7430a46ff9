//! Names of images.

use std::fmt;

/// Where images without a host come from.
const DEFAULT_HOST: &str = "docker.io";

/// The name of an image taken apart: `host/path:tag@digest`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reference {
    /// `host[:port]`; `docker.io` when the name has none.
    pub(crate) host: String,
    /// Everything between host and tag.
    pub(crate) path: String,
    /// `latest` when there is neither tag nor digest.
    pub(crate) tag: Option<String>,
    /// `sha256:…`.
    pub(crate) digest: Option<String>,
    named_host: bool,
}

impl Reference {
    /// Takes a name apart; `None` when it is no name of an image.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest.to_owned())),
            None => (text, None),
        };
        let colon = name.rfind(':').filter(|at| !name[*at..].contains('/'));
        let (name, tag) = match colon {
            Some(at) => (&name[..at], Some(name[at + 1..].to_owned())),
            None => (name, None),
        };
        let (host, path, named_host) = match name.split_once('/') {
            Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (first, rest, true),
            _ => (DEFAULT_HOST, name, false),
        };
        let tag = if tag.is_none() && digest.is_none() {
            Some("latest".to_owned())
        } else {
            tag
        };
        let fine = is_path(path) && tag.as_deref().is_none_or(is_tag) && digest.as_deref().is_none_or(is_digest);
        let host_fine = host
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte))
            && !host.starts_with(['.', '-', ':'])
            && !host.contains("..");
        (fine && host_fine).then(|| Self {
            host: host.to_owned(),
            path: path.to_owned(),
            tag,
            digest,
            named_host,
        })
    }

    /// The name without tag and digest, as it was written.
    pub(crate) fn name(&self) -> String {
        if self.named_host {
            format!("{}/{}", self.host, self.path)
        } else {
            self.path.clone()
        }
    }

    /// The name as the engine lists it: without the host and the folder that are understood.
    pub(crate) fn familiar(&self) -> String {
        let name = self.to_string();
        let name = name.strip_prefix("docker.io/").unwrap_or(&name);
        name.strip_prefix("library/").unwrap_or(name).to_owned()
    }

    /// `host/path`, with the host that is used when none is written.
    pub(crate) fn repository(&self) -> String {
        format!("{}/{}", self.host, self.path)
    }

    /// What the name means at one moment.
    pub(crate) fn at(&self, digest: &str) -> Self {
        Self {
            tag: None,
            digest: Some(digest.to_owned()),
            ..self.clone()
        }
    }

    /// Digest or tag, whichever is stronger.
    pub(crate) fn version(&self) -> &str {
        self.digest.as_deref().or(self.tag.as_deref()).unwrap_or("latest")
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.name())?;
        if let Some(tag) = &self.tag {
            write!(out, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(out, "@{digest}")?;
        }
        Ok(())
    }
}

/// Whether a text can be a tag.
pub(crate) fn is_tag(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    let first = text
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    first && text.len() <= 128 && text.bytes().all(word)
}

fn is_path(text: &str) -> bool {
    let part = |part: &str| {
        let inner = part
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte));
        inner && !part.is_empty() && !part.starts_with(['.', '_', '-']) && !part.ends_with(['.', '_', '-'])
    };
    text.len() <= 255 && text.split('/').all(part)
}

fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:")
        .is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::Reference;

    #[test]
    fn names_are_taken_apart() {
        let digest = format!("sha256:{}", "a".repeat(64));
        for (text, host, path, version) in [
            ("busybox", "docker.io", "busybox", "latest"),
            ("library/redis:7", "docker.io", "library/redis", "7"),
            ("127.0.0.1:5000/shop/web:v1", "127.0.0.1:5000", "shop/web", "v1"),
            ("localhost/x", "localhost", "x", "latest"),
            (&format!("r.example/x@{digest}"), "r.example", "x", digest.as_str()),
        ] {
            let reference = Reference::parse(text).expect(text);
            assert_eq!(
                (reference.host.as_str(), reference.path.as_str(), reference.version()),
                (host, path, version)
            );
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in [
            "",
            "Upper",
            "a b",
            "x:",
            "../x",
            "x/",
            "x@sha256:12",
            "-x",
            "x:a b",
            "http://x/y",
        ] {
            assert_eq!(Reference::parse(text), None, "{text}");
        }
    }
}
