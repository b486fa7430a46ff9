//! The spellings in which a secret may appear.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

/// Shorter values and shorter lines of a value are not masked by themselves: they would tear every log apart.
pub const SHORTEST_BYTES: usize = 4;
/// The shortest piece of base64 that is told from ordinary text.
const SHORTEST_BASE64: usize = 6;
/// The columns at which common tools break base64.
const BASE64_COLUMNS: [usize; 2] = [76, 64];
const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// Every spelling of `secret` that is masked.
pub(super) fn of(secret: &[u8]) -> BTreeSet<Vec<u8>> {
    let mut forms = BTreeSet::new();
    let trimmed = trim_line_ends(secret);
    if trimmed.len() < SHORTEST_BYTES {
        return forms;
    }
    for value in [secret, trimmed] {
        base64(value, &mut forms);
    }
    spellings(trimmed, &mut forms);
    if trimmed.contains(&b'\n') {
        lines(trimmed, &mut forms);
    }
    forms.retain(|form| form.len() >= SHORTEST_BYTES);
    forms
}

/// A secret of many lines: each line by itself, and the whole with both line ends, for lines too short to stand alone.
fn lines(value: &[u8], forms: &mut BTreeSet<Vec<u8>>) {
    let lines: Vec<&[u8]> = value.split(|byte| *byte == b'\n').map(trim_line_ends).collect();
    for line in &lines {
        let line = line.trim_ascii();
        if line.len() >= SHORTEST_BYTES {
            spellings(line, forms);
            base64(line, forms);
        }
    }
    for end in [&b"\n"[..], b"\r\n"] {
        forms.insert(lines.join(end));
    }
}

fn spellings(value: &[u8], forms: &mut BTreeSet<Vec<u8>>) {
    forms.insert(value.to_vec());
    forms.insert(hex::encode(value).into_bytes());
    forms.insert(hex::encode_upper(value).into_bytes());
    urls(value, forms);
    shells(value, forms);
    if let Ok(text) = std::str::from_utf8(value) {
        json(text, forms);
    }
}

/// The three alignments of base64, without the characters that a neighbour decides, in both alphabets.
fn base64(value: &[u8], forms: &mut BTreeSet<Vec<u8>>) {
    for shift in 0..3 {
        let padded = [&[0, 0][..shift], value].concat();
        let first = (shift * 8).div_ceil(6);
        let last = padded.len() * 8 / 6;
        for alphabet in [&STANDARD, &URL_SAFE] {
            let code = alphabet.encode(&padded);
            let Some(core) = code.as_bytes().get(first..last) else {
                continue;
            };
            if core.len() >= SHORTEST_BASE64 {
                forms.insert(core.to_vec());
            }
            let code = trim_padding(code.as_bytes());
            if core.len() >= SHORTEST_BASE64 {
                // Where the secret ends the data, the last character is decided too.
                forms.insert(code[first..].to_vec());
            }
            if shift == 0 {
                wrapped(code, forms);
            }
        }
    }
}

fn trim_padding(code: &[u8]) -> &[u8] {
    let end = code.iter().rposition(|byte| *byte != b'=').map_or(0, |at| at + 1);
    &code[..end]
}

fn wrapped(code: &[u8], forms: &mut BTreeSet<Vec<u8>>) {
    for columns in BASE64_COLUMNS {
        if code.len() > columns {
            forms.extend(
                code.chunks(columns)
                    .filter(|line| line.len() >= SHORTEST_BASE64 * 2)
                    .map(<[u8]>::to_vec),
            );
        }
    }
}

/// Percent-encoding as RFC 3986 has it, as browsers' `encodeURIComponent` and `encodeURI` do it, and as forms do it.
fn urls(value: &[u8], forms: &mut BTreeSet<Vec<u8>>) {
    for kept in ["-._~", "-._~!'()*", "-._~!'()*;,/?:@&=+$#", "-._~/"] {
        let code = percent(value, kept.as_bytes());
        forms.insert(code.to_ascii_lowercase_escapes());
        forms.insert(replace(&code, b"%20", b"+"));
        forms.insert(code);
    }
}

fn percent(value: &[u8], kept: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    for byte in value {
        if byte.is_ascii_alphanumeric() || kept.contains(byte) {
            out.push(*byte);
        } else {
            out.extend([b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
    }
    out
}

/// Lower-case digits in `%XX`, everything else untouched.
trait LowerEscapes {
    fn to_ascii_lowercase_escapes(&self) -> Vec<u8>;
}

impl LowerEscapes for Vec<u8> {
    fn to_ascii_lowercase_escapes(&self) -> Vec<u8> {
        let mut out = self.clone();
        let mut at = 0;
        while at + 2 < out.len() {
            if out[at] == b'%' {
                out[at + 1].make_ascii_lowercase();
                out[at + 2].make_ascii_lowercase();
                at += 3;
            } else {
                at += 1;
            }
        }
        out
    }
}

/// JSON strings: as serde writes them, with escaped slashes, and with everything beyond ASCII escaped.
fn json(text: &str, forms: &mut BTreeSet<Vec<u8>>) {
    let Ok(quoted) = serde_json::to_string(text) else {
        return;
    };
    let inner = &quoted[1..quoted.len() - 1];
    let mut ascii = String::with_capacity(inner.len());
    for character in inner.chars() {
        if character.is_ascii() {
            ascii.push(character);
        } else {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                ascii.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    for form in [inner, &ascii] {
        forms.insert(form.replace('/', "\\/").into_bytes());
        forms.insert(form.as_bytes().to_vec());
    }
    // Some writers escape what could end a script element.
    let html = inner
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026");
    forms.insert(html.replace('\'', "\\u0027").into_bytes());
    forms.insert(html.into_bytes());
}

/// Shell quoting: within single quotes, within double quotes, with backslashes, and `$'…'`.
fn shells(value: &[u8], forms: &mut BTreeSet<Vec<u8>>) {
    forms.insert(replace(value, b"'", b"'\\''"));
    forms.insert(replace(value, b"'", b"'\"'\"'"));
    forms.insert(escaped(value, |byte| b"$`\"\\!".contains(&byte)));
    forms.insert(escaped(value, |byte| b"$`\"\\".contains(&byte)));
    forms.insert(escaped(value, |byte| {
        byte.is_ascii() && !byte.is_ascii_alphanumeric() && !b"-_./:=@%+,".contains(&byte)
    }));
    forms.insert(escaped(value, |byte| {
        byte.is_ascii() && !byte.is_ascii_alphanumeric() && !b"-_./:@%+".contains(&byte)
    }));
    let dollar = escaped(value, |byte| b"'\\".contains(&byte));
    let dollar = replace(&replace(&dollar, b"\n", b"\\n"), b"\t", b"\\t");
    forms.insert(replace(&dollar, b"\r", b"\\r"));
}

fn escaped(value: &[u8], special: impl Fn(u8) -> bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    for byte in value {
        if special(*byte) {
            out.push(b'\\');
        }
        out.push(*byte);
    }
    out
}

fn replace(value: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    while !rest.is_empty() {
        if rest.starts_with(from) {
            out.extend_from_slice(to);
            rest = &rest[from.len()..];
        } else {
            out.push(rest[0]);
            rest = &rest[1..];
        }
    }
    out
}

fn trim_line_ends(value: &[u8]) -> &[u8] {
    let end = value
        .iter()
        .rposition(|byte| !matches!(byte, b'\n' | b'\r'))
        .map_or(0, |at| at + 1);
    &value[..end]
}
