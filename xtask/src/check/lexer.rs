//! Just enough of Rust's lexer to look at code without being fooled by comments and strings.

/// What becomes of string literals.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strings {
    Keep,
    Blank,
}

/// The same text, byte for byte as long and with the same lines, with comments (and strings, if asked) made of spaces.
/// The quotes themselves stay.
pub(crate) fn blank(text: &str, strings: Strings) -> String {
    let mut lexer = Lexer {
        text: text.as_bytes(),
        at: 0,
        out: text.as_bytes().to_vec(),
    };
    while lexer.at < lexer.text.len() {
        lexer.step(strings);
    }
    String::from_utf8(lexer.out).expect("whole characters are replaced by spaces")
}

struct Lexer<'a> {
    text: &'a [u8],
    at: usize,
    out: Vec<u8>,
}

impl Lexer<'_> {
    fn step(&mut self, strings: Strings) {
        let start = self.at;
        if self.rest().starts_with(b"//") {
            self.at += self
                .rest()
                .iter()
                .position(|byte| *byte == b'\n')
                .unwrap_or(self.rest().len());
            self.erase(start, self.at);
        } else if self.rest().starts_with(b"/*") {
            self.skip_block_comment();
            self.erase(start, self.at);
        } else if let Some(hashes) = self.raw_string_hashes() {
            self.skip_raw_string(hashes, strings);
        } else if self.text[start] == b'"' {
            self.skip_string();
            if strings == Strings::Blank {
                self.erase(start + 1, self.at.saturating_sub(1));
            }
        } else if self.text[start] == b'\'' {
            self.skip_character(strings);
        } else {
            self.at += 1;
        }
    }

    fn rest(&self) -> &[u8] {
        &self.text[self.at..]
    }

    fn erase(&mut self, from: usize, to: usize) {
        for byte in self.out.iter_mut().take(to).skip(from) {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
    }

    /// Block comments nest in Rust.
    fn skip_block_comment(&mut self) {
        let mut depth = 0_usize;
        while self.at < self.text.len() {
            if self.rest().starts_with(b"/*") {
                depth += 1;
                self.at += 2;
            } else if self.rest().starts_with(b"*/") {
                depth -= 1;
                self.at += 2;
                if depth == 0 {
                    return;
                }
            } else {
                self.at += 1;
            }
        }
    }

    /// The number of `#` when a raw string (`r"`, `br#"`, `cr##"`) begins here.
    fn raw_string_hashes(&self) -> Option<usize> {
        if self.text[self.at] != b'r' || !self.may_begin_literal() {
            return None;
        }
        let hashes = self.rest()[1..].iter().take_while(|byte| **byte == b'#').count();
        (self.rest().get(1 + hashes) == Some(&b'"')).then_some(hashes)
    }

    /// An `r` inside a word begins nothing; one behind a `b` or `c` prefix does.
    fn may_begin_literal(&self) -> bool {
        let before = |back: usize| self.at.checked_sub(back).map(|index| self.text[index]);
        match before(1) {
            Some(b'b' | b'c') => !before(2).is_some_and(is_word),
            Some(byte) => !is_word(byte),
            None => true,
        }
    }

    fn skip_raw_string(&mut self, hashes: usize, strings: Strings) {
        let body = self.at + 2 + hashes;
        let close: Vec<u8> = std::iter::once(b'"').chain(std::iter::repeat_n(b'#', hashes)).collect();
        let length = self.text[body..]
            .windows(close.len())
            .position(|window| window == close);
        let end = length.map_or(self.text.len(), |length| body + length);
        if strings == Strings::Blank {
            self.erase(body, end);
        }
        self.at = (end + close.len()).min(self.text.len());
    }

    fn skip_string(&mut self) {
        self.at += 1;
        while let Some(byte) = self.rest().first() {
            match byte {
                b'\\' => self.at += 2,
                b'"' => {
                    self.at += 1;
                    return;
                }
                _ => self.at += 1,
            }
        }
        self.at = self.text.len();
    }

    /// `'x'` and `'\n'` are characters; `'a` in `&'a str` is a lifetime and stays.
    fn skip_character(&mut self, strings: Strings) {
        let start = self.at;
        let body = &self.text[start + 1..];
        let length = match body.first() {
            Some(b'\\') => body
                .iter()
                .skip(2)
                .position(|byte| *byte == b'\'')
                .map(|index| index + 2),
            Some(first) => Some(character_length(*first)).filter(|length| body.get(*length) == Some(&b'\'')),
            None => None,
        };
        self.at += length.map_or(1, |length| length + 2);
        if let (Some(length), Strings::Blank) = (length, strings) {
            self.erase(start + 1, start + 1 + length);
        }
    }
}

/// How many bytes the UTF-8 character takes that begins with this byte.
fn character_length(first: u8) -> usize {
    match first {
        0xF0.. => 4,
        0xE0.. => 3,
        0xC0.. => 2,
        _ => 1,
    }
}

pub(crate) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// Where `word` stands as a word of its own: `fn` is not in `fnord`.
pub(crate) fn words<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let bytes = text.as_bytes();
    text.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let begins = *at == 0 || !is_word(bytes[at - 1]) || !is_word(word.as_bytes()[0]);
        let after = at + word.len();
        let ends = after >= bytes.len() || !is_word(bytes[after]) || !is_word(bytes[after - 1]);
        begins && ends
    })
}

/// The line, counted from 1, of a byte offset.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> String {
        let blanked = blank(text, Strings::Blank);
        assert_eq!(blanked.len(), text.len(), "offsets must stay true");
        blanked.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn comments_vanish_also_nested_ones() {
        assert_eq!(code("a // unsafe\nb /* x /* y */ z */ c"), "a b c");
        assert_eq!(code("a /* never closed"), "a");
    }

    #[test]
    fn strings_are_emptied_and_their_ends_are_found() {
        assert_eq!(code(r#"f("unsafe \" {", b"}") + g"#), r#"f(" ", b" ") + g"#);
        assert_eq!(code("f(r#\"a \" b\"#, br\"c\") + g"), "f(r#\" \"#, br\" \") + g");
        assert_eq!(code("let r#type = r; bar\"x\""), "let r#type = r; bar\" \"");
    }

    #[test]
    fn strings_are_kept_when_asked() {
        assert_eq!(blank("\"/sys\" // \"/proc\"", Strings::Keep).trim_end(), "\"/sys\"");
    }

    #[test]
    fn a_character_is_not_a_lifetime() {
        assert_eq!(
            code("fn f<'a>(x: &'a str) { '{' ; '\\'' ; 'é' ; '\"' }"),
            "fn f<'a>(x: &'a str) { ' ' ; ' ' ; ' ' ; ' ' }"
        );
    }

    #[test]
    fn words_are_whole() {
        let found: Vec<usize> = words("fnord fn _fn fn", "fn").collect();
        assert_eq!(found, [6, 13]);
        assert_eq!(words("nix::mount::mount", "nix::mount").count(), 1);
        assert_eq!(words("std::fs::x sstd::fs", "std::fs").count(), 1);
    }

    #[test]
    fn lines_count_from_one() {
        assert_eq!(line_of("a\nb\nc", 0), 1);
        assert_eq!(line_of("a\nb\nc", 4), 3);
    }
}
