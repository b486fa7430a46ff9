//! What opens a private repository, and the checks of it before it is kept.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::SecretString;

use crate::url::RepositoryUrl;

/// The longest private key that is taken, in bytes; RSA with 4,096 bits has 3,400.
pub const MAX_KEY_BYTES: usize = 16 * 1024;
/// Most host keys of one host: servers have three or four, and some while they change them.
const MAX_HOST_KEYS: usize = 16;
/// How a key begins that openssl or ssh-keygen wrote.
const KEY_HEADS: &[&str] = &[
    "-----BEGIN OPENSSH PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----",
    "-----BEGIN RSA PRIVATE KEY-----",
    "-----BEGIN EC PRIVATE KEY-----",
];

/// A way into the repositories of one host.
#[derive(Debug, Clone)]
pub struct Credential {
    /// `scheme://host[:port]`, as [`RepositoryUrl::origin`] gives it.
    pub origin: String,
    pub login: Login,
}

/// How one shows who one is.
#[derive(Debug, Clone)]
pub enum Login {
    /// Over http and https.
    Password { username: String, password: SecretString },
    /// Over ssh.
    Key {
        /// As ssh-keygen writes it, without a passphrase.
        private_key: SecretString,
        /// The pinned keys of the host, each `type base64`; a host that shows another one is not spoken to.
        host_keys: Vec<String>,
    },
}

impl Credential {
    /// A user name and a password for the host of this repository.
    pub fn new(url: &RepositoryUrl, username: impl Into<String>, password: SecretString) -> Self {
        Self {
            origin: url.origin().to_owned(),
            login: Login::Password {
                username: username.into(),
                password,
            },
        }
    }

    /// A deploy key for the host of this repository.
    pub fn key(url: &RepositoryUrl, private_key: SecretString, host_keys: Vec<String>) -> Self {
        Self {
            origin: url.origin().to_owned(),
            login: Login::Key { private_key, host_keys },
        }
    }
}

/// Whether a text is a private key that can be used without asking anybody.
///
/// # Errors
/// What is wrong and how a right one is made; nothing of the key is repeated.
pub fn check_private_key(text: &str) -> Result<(), &'static str> {
    const MAKE_ONE: &str = "this is no private key: make one with `ssh-keygen -t ed25519 -N '' -f deploy-key`";
    const HAS_PASSPHRASE: &str = "the key has a passphrase, which nobody could type in: make one without, \
                                  `ssh-keygen -t ed25519 -N '' -f deploy-key`";
    if text.len() > MAX_KEY_BYTES {
        return Err("a private key has at most 16 KiB");
    }
    let text = text.trim();
    let Some(head) = KEY_HEADS.iter().find(|head| text.starts_with(*head)) else {
        let encrypted = text.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----");
        return Err(if encrypted { HAS_PASSPHRASE } else { MAKE_ONE });
    };
    if text.contains("Proc-Type: 4,ENCRYPTED") {
        return Err(HAS_PASSPHRASE);
    }
    if *head != KEY_HEADS[0] {
        return Ok(());
    }
    let body: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
    match STANDARD.decode(body.replace(char::is_whitespace, "")) {
        Ok(bytes) if bytes.starts_with(b"openssh-key-v1\0\0\0\0\x04none") => Ok(()),
        Ok(bytes) if bytes.starts_with(b"openssh-key-v1\0") => Err(HAS_PASSPHRASE),
        _ => Err(MAKE_ONE),
    }
}

/// The keys of a repository's host out of a `known_hosts` file.
///
/// # Errors
/// Why there are none, or a line that cannot be pinned.
pub fn host_keys(known_hosts: &str, url: &RepositoryUrl) -> Result<Vec<String>, String> {
    let (host, port) = (url.host(), url.port().unwrap_or(22));
    let names = [host.to_owned(), format!("[{host}]:{port}")];
    let mut keys = Vec::new();
    for line in known_hosts.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if line.starts_with('@') {
            return Err("lines with @cert-authority or @revoked cannot be pinned: give the keys themselves".into());
        }
        if line.starts_with("|1|") {
            return Err("the names in it are hashed: write it with `ssh-keyscan` without -H".into());
        }
        let mut words = line.split_whitespace();
        let (Some(hosts), Some(kind), Some(key)) = (words.next(), words.next(), words.next()) else {
            return Err("a line is not `host type key`".into());
        };
        let is_key = kind
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-@.".contains(&byte));
        if !is_key || STANDARD.decode(key).is_err() {
            return Err("a line is not `host type key`".into());
        }
        if hosts
            .split(',')
            .any(|name| names.iter().any(|known| known.eq_ignore_ascii_case(name)))
        {
            keys.push(format!("{kind} {key}"));
        }
    }
    match keys.len() {
        0 => Err(format!(
            "it has no key of {host}: write it with `ssh-keyscan -p {port} {host}`, and compare the keys with what the host's owner tells"
        )),
        1..=MAX_HOST_KEYS => Ok(keys),
        _ => Err("it has more than 16 keys of the host".into()),
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::{check_private_key, host_keys};
    use crate::url::RepositoryUrl;

    fn openssh(cipher: &str) -> String {
        let mut bytes = b"openssh-key-v1\0".to_vec();
        bytes.extend(u32::try_from(cipher.len()).expect("short").to_be_bytes());
        bytes.extend(cipher.as_bytes());
        let body = STANDARD.encode(bytes);
        format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{body}\n-----END OPENSSH PRIVATE KEY-----\n")
    }

    #[test]
    fn only_keys_that_open_by_themselves_are_taken() {
        check_private_key(&openssh("none")).expect("an ordinary key");
        check_private_key("-----BEGIN RSA PRIVATE KEY-----\nMII=\n-----END RSA PRIVATE KEY-----").expect("an old key");
        let refused = [
            (openssh("aes256-ctr"), "passphrase"),
            ("-----BEGIN ENCRYPTED PRIVATE KEY-----\n".into(), "passphrase"),
            (
                "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n".into(),
                "passphrase",
            ),
            ("ssh-ed25519 AAAA the public half".into(), "no private key"),
            ("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n".into(), "no private key"),
            (String::new(), "no private key"),
            ("x".repeat(20_000), "16 KiB"),
        ];
        for (text, why) in refused {
            let said = check_private_key(&text).expect_err(why);
            assert!(said.contains(why), "{said}");
        }
    }

    #[test]
    fn the_keys_of_the_repository_s_host_are_picked() {
        let scan = "# git.example.org:22 SSH-2.0\ngit.example.org ssh-ed25519 AAAA\nother.example.org ssh-rsa BBBB\n\
                    Git.Example.org,10.0.0.1 ecdsa-sha2-nistp256 CCCC comment\n[git.example.org]:2222 ssh-rsa DDDD\n";
        let plain = RepositoryUrl::parse("ssh://git@git.example.org/shop.git").expect("an address");
        let keys = host_keys(scan, &plain).expect("two keys");
        assert_eq!(keys, ["ssh-ed25519 AAAA", "ecdsa-sha2-nistp256 CCCC"]);
        let other_port = RepositoryUrl::parse("ssh://git@git.example.org:2222/shop.git").expect("an address");
        assert_eq!(host_keys(scan, &other_port).expect("also its own").len(), 3);
    }

    #[test]
    fn what_cannot_be_pinned_is_told() {
        let url = RepositoryUrl::parse("ssh://git@host/shop.git").expect("an address");
        for (text, why) in [
            ("", "ssh-keyscan -p 22 host"),
            ("elsewhere ssh-rsa AAAA", "no key of host"),
            ("|1|abc=|def= ssh-rsa AAAA", "hashed"),
            ("@cert-authority host ssh-rsa AAAA", "@cert-authority"),
            ("host ssh-rsa", "host type key"),
            ("host ssh-rsa not_base64!", "host type key"),
            ("host ssh;rsa AAAA", "host type key"),
        ] {
            let said = host_keys(text, &url).expect_err(why);
            assert!(said.contains(why), "{said}");
        }
    }
}
