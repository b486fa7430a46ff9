//! The script for `hooks/post-receive` of a bare repository.

use circle_core::service::Service;

/// A shell script that reports every pushed ref, signed. It needs only `sh`, `tr`, `sed`, `curl` and `openssl`, holds the
/// secret, and never fails the push: a server that is down is told of on the pusher's terminal.
///
/// The secret is 64 hex digits, exactly one block of SHA-256, so both pads of HMAC (RFC 2104) are a substitution of
/// characters and the key never stands in an argument list.
pub(super) fn script(service: &Service, url: &str, secret: &str) -> String {
    TEMPLATE
        .replace("@SERVICE@", service.name.as_str())
        .replace("@URL@", &quoted(url))
        .replace("@SECRET@", &quoted(secret))
        .replace("@REPOSITORY@", &quoted(&json_text(&service.repository)))
}

const TEMPLATE: &str = r#"#!/bin/sh
# Tells Circle what was pushed to @SERVICE@. Keep this file private (chmod 0700): it holds the hook's secret.
url=@URL@
secret=@SECRET@
repository=@REPOSITORY@
hmac() {
    { printf '%s' "$secret" | tr '0123456789abcdef' '\006\007\004\005\002\003\000\001\016\017WTURSP'; cat; } |
        openssl dgst -sha256 -binary |
        { printf '%s' "$secret" | tr '0123456789abcdef' 'lmnohijkde=>?89:'; cat; } |
        openssl dgst -sha256 | sed 's/^.* //'
}
count=0
while read -r before after ref; do
    count=$((count + 1))
    body="{\"repository\":$repository,\"ref\":\"$ref\",\"before\":\"$before\",\"after\":\"$after\",\"delivery\":\"$(date +%s)-$$-$count\"}"
    signature=$(printf '%s' "$body" | hmac)
    if ! curl --silent --show-error --fail --max-time 20 --retry 3 --retry-connrefused --output /dev/null \
        --header 'Content-Type: application/json' \
        --header "Circle-Signature: sha256=$signature" \
        --data-binary "$body" "$url"; then
        echo "circle: $ref was pushed, but Circle does not know of it: start it with \`circle trigger @SERVICE@\`" >&2
    fi
done
exit 0
"#;

/// A text in single quotes for the shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

fn json_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
