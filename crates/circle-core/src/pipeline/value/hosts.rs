//! Users and extra hosts.

use std::net::IpAddr;

/// `user` or `user:group`, by name or number.
pub(crate) fn parse_user(text: &str) -> Result<(), &'static str> {
    let mut parts = text.split(':');
    let both = parts.by_ref().take(2).all(is_account);
    if both && parts.next().is_none() {
        Ok(())
    } else {
        Err("write a user, or user:group, by name or number")
    }
}

fn is_account(text: &str) -> bool {
    let head = text
        .bytes()
        .next()
        .is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
    head && text.len() <= 64 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
}

/// `name:address`.
pub(crate) fn parse_host(text: &str) -> Result<(), &'static str> {
    const FORM: &str = "write name:address, such as db.internal:10.0.0.7";
    let (name, address) = text.split_once(':').ok_or(FORM)?;
    let address = address.trim_start_matches('[').trim_end_matches(']');
    let labels = name
        .split('.')
        .all(|label| !label.is_empty() && label.len() <= 63 && !label.starts_with('-'));
    let known = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
    if !labels || !known || name.len() > 253 || address.parse::<IpAddr>().is_err() {
        return Err(FORM);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{parse_host, parse_user};

    #[test]
    fn users_and_hosts_have_their_form() {
        for text in ["root", "1000", "1000:1000", "www-data:www-data", "_apt"] {
            parse_user(text).expect(text);
        }
        for text in ["", ":", "a:b:c", "-x", "a b", "root:"] {
            parse_user(text).expect_err(text);
        }
        parse_host("db:10.0.0.7").expect("v4");
        parse_host("db:[::1]").expect("v6");
        for text in [
            "db",
            "db:",
            ":10.0.0.7",
            "db:host-gateway",
            "-x:10.0.0.7",
            "a..b:10.0.0.1",
        ] {
            parse_host(text).expect_err(text);
        }
    }
}
