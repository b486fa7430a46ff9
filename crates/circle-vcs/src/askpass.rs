//! How git gets a password: a program that answers only for one host.

use std::path::Path;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::helper::{HelperError, quoted};

/// The longest user name or password, in bytes: what a pipe takes in one write.
const MAX_BYTES: usize = 4_000;

/// Answers exactly the two questions that git asks about this origin; the password comes from the pipe.
pub(crate) fn script(
    origin: &str,
    username: &str,
    password: &SecretString,
    pipe: &Path,
) -> Result<String, HelperError> {
    fit("user name", username)?;
    fit("password", password.expose_secret())?;
    let wrong = || HelperError::Origin {
        origin: origin.to_owned(),
    };
    let url = Url::parse(origin).map_err(|_| wrong())?;
    let host = url.host_str().ok_or_else(wrong)?;
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let scheme = url.scheme();
    let first = quoted(&format!("Username for '{scheme}://{host}{port}': "));
    // git has spelled the user name in the second question in several ways.
    let spellings = [username.to_owned(), percent(username, true), percent(username, false)];
    let second = spellings
        .map(|name| quoted(&format!("Password for '{scheme}://{name}@{host}{port}': ")))
        .join("|");
    Ok(format!(
        "#!/bin/sh\ncase \"$1\" in\n{first}) printf '%s\\n' {} ;;\n{second}) IFS= read -r answer < {} && printf '%s\\n' \"$answer\" ;;\n\
         *) exit 1 ;;\nesac\n",
        quoted(username),
        quoted(&pipe.display().to_string())
    ))
}

fn fit(what: &'static str, text: &str) -> Result<(), HelperError> {
    if text.is_empty() || text.len() > MAX_BYTES || text.contains(['\n', '\r', '\0']) {
        return Err(HelperError::Unfit { what });
    }
    Ok(())
}

fn percent(text: &str, upper: bool) -> String {
    let encode = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        _ if upper => format!("%{byte:02X}"),
        _ => format!("%{byte:02x}"),
    };
    text.bytes().map(encode).collect()
}
