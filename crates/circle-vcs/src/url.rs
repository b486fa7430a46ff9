//! Where a repository is cloned from, checked before git ever sees it.

use std::fmt;
use std::str::FromStr;

use url::{Host, Url};

/// The longest address that is taken, in bytes.
pub const MAX_URL_BYTES: usize = 2_000;

/// An address that git may be given: one of four schemes, a host, a path, nothing that git or ssh could take for an option.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepositoryUrl {
    text: String,
    scheme: Scheme,
    origin: String,
    host: String,
    port: Option<u16>,
}

/// The protocols that are spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    Https,
    Http,
    Ssh,
    Git,
}

/// Why an address is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the repository address \"{shown}\" is refused: {why}")]
pub struct UrlError {
    shown: String,
    why: &'static str,
}

impl RepositoryUrl {
    /// Checks an address.
    ///
    /// # Errors
    /// [`UrlError`] says which rule it breaks; a password in it is not repeated.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let refused = |why| {
            Err(UrlError {
                shown: shown(text),
                why,
            })
        };
        if text.len() > MAX_URL_BYTES {
            return refused("it is longer than 2,000 bytes");
        }
        if text.starts_with('-') {
            return refused("it begins with a hyphen and could be taken for an option");
        }
        if text.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
            return refused("it has spaces, backslashes or control characters");
        }
        let Ok(url) = Url::parse(text) else {
            return refused("write https://host/path, http://host/path, ssh://user@host/path or git://host/path");
        };
        let Some(scheme) = Scheme::of(url.scheme()) else {
            return refused("only https, http, ssh and git are spoken");
        };
        if let Some(why) = flaw(&url, scheme) {
            return refused(why);
        }
        let host = url.host_str().unwrap_or_default();
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        Ok(Self {
            origin: format!("{}://{host}{port}", scheme.word()),
            host: host.to_owned(),
            port: url.port(),
            text: url.to_string(),
            scheme,
        })
    }

    /// The checked address, as git gets it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// How it is spoken to.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host, an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, unless it is the scheme's own.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// `scheme://host[:port]`: what a credential is bound to.
    pub fn origin(&self) -> &str {
        &self.origin
    }
}

impl Scheme {
    /// As it stands in an address and in git's list of allowed protocols.
    pub fn word(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Http => "http",
            Self::Ssh => "ssh",
            Self::Git => "git",
        }
    }

    /// Where it is spoken when an address names no port.
    pub fn port(self) -> u16 {
        match self {
            Self::Https => 443,
            Self::Http => 80,
            Self::Ssh => 22,
            Self::Git => 9418,
        }
    }

    fn of(word: &str) -> Option<Self> {
        [Self::Https, Self::Http, Self::Ssh, Self::Git]
            .into_iter()
            .find(|scheme| scheme.word() == word)
    }
}

/// What is wrong with an address that parses.
fn flaw(url: &Url, scheme: Scheme) -> Option<&'static str> {
    if url.password().is_some() {
        return Some("it carries a password: keep that with `circle service credential set`, not in the address");
    }
    if !url.username().is_empty() && scheme != Scheme::Ssh {
        return Some(
            "it carries a user name: keep credentials with `circle service credential set`, not in the address",
        );
    }
    if url.username().starts_with('-') || url.username().contains('%') {
        return Some("its user name could be taken for an option");
    }
    if !url.host().is_some_and(|host| is_plain(&host)) {
        return Some("it names no plain host");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Some("it has a query or a fragment");
    }
    let path = url.path();
    if path.len() < 2 {
        return Some("it names no repository on that host");
    }
    let lower = path.to_ascii_lowercase();
    if path.starts_with("/-") || ["%00", "%0a", "%0d"].iter().any(|bad| lower.contains(bad)) {
        return Some("its path could be taken for an option, or holds control characters");
    }
    None
}

/// Letters, digits, dots, hyphens, underscores, not beginning with a hyphen; or an address.
fn is_plain(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => {
            let plain = name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
            plain && !name.is_empty() && !name.starts_with('-')
        }
        Host::Ipv4(_) | Host::Ipv6(_) => true,
    }
}

/// The address for a message: short, printable, without what stands before an `@`.
fn shown(text: &str) -> String {
    let printable: String = text
        .chars()
        .take(120)
        .map(|c| if c.is_control() { '?' } else { c })
        .collect();
    match (printable.find("://"), printable.rfind('@')) {
        (Some(start), Some(end)) if start < end => format!("{}://…{}", &printable[..start], &printable[end..]),
        _ => printable,
    }
}

impl fmt::Display for RepositoryUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

impl FromStr for RepositoryUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::RepositoryUrl;

    #[test]
    fn ordinary_addresses_pass() {
        for text in [
            "https://git.example.org/shop/web.git",
            "http://127.0.0.1:3000/shop/web",
            "ssh://git@git.example.org:2222/shop/web.git",
            "git://127.0.0.1:9418/shop.git",
            "https://[::1]:8443/shop.git",
        ] {
            let url = RepositoryUrl::parse(text).expect(text);
            assert_eq!(url.as_str(), text);
        }
        let url = RepositoryUrl::parse("https://Git.Example.org:443/a").expect("fine");
        assert_eq!(url.origin(), "https://git.example.org");
    }

    #[test]
    fn sec_38_addresses_that_are_commands_or_options_are_refused() {
        for text in [
            "--upload-pack=touch x",
            "-c",
            "ext::sh -c touch% x",
            "ext::sh",
            "file:///etc",
            "/etc",
            "fd::17",
            "ssh://-oProxyCommand=touch%20x/y",
            "ssh://-oProxyCommand=x@host/y",
            "ssh://user:secret@host/y",
            "https://user:secret@host/y",
            "https://token@host/y",
            "git@host:shop.git",
            "https://host/a\0b",
            "https://host/a%00b",
            "https://host/a\nb",
            "git://host/--upload-pack=x",
            "https:///y",
            "https://host",
            "https://host/",
            "ftp://host/y",
            "https://host/y?z",
            "ssh://host%20x/y",
            "https://ho\\st/y",
        ] {
            RepositoryUrl::parse(text).expect_err(text);
        }
    }

    #[test]
    fn sec_20_a_refusal_does_not_repeat_the_password() {
        let error = RepositoryUrl::parse("https://me:hunter22@host/y")
            .expect_err("refused")
            .to_string();
        assert!(!error.contains("hunter22") && error.contains("host/y"), "{error}");
    }
}
