//! Output of jobs as it may reach a terminal: colours stay if wanted, everything else that steers a terminal goes.

/// One line of a log, without its newline. What a carriage return overwrote is left out, as a terminal would show it.
pub(crate) fn safe_line(line: &[u8], colors: bool) -> String {
    let text = String::from_utf8_lossy(line);
    let shown = text.trim_end_matches('\r').rsplit('\r').next().unwrap_or_default();
    let mut out = String::with_capacity(shown.len());
    let mut rest = shown.chars();
    let mut colored = false;
    while let Some(c) = rest.next() {
        match c {
            '\u{1b}' => {
                if let Some(color) = escape(&mut rest).filter(|_| colors) {
                    colored = true;
                    out.push_str(&color);
                }
            }
            '\t' => out.push('\t'),
            c if c.is_control() || is_direction(c) => {}
            c => out.push(c),
        }
    }
    if colored {
        out.push_str("\u{1b}[0m");
    }
    out
}

/// Takes the rest of an escape sequence (ECMA-48); gives it back when it only sets colours (SGR).
fn escape(rest: &mut std::str::Chars<'_>) -> Option<String> {
    match rest.next()? {
        '[' => {
            let mut sequence = String::from("\u{1b}[");
            for c in rest.by_ref() {
                sequence.push(c);
                if ('\u{40}'..='\u{7e}').contains(&c) {
                    let plain = sequence[2..]
                        .chars()
                        .all(|c| c.is_ascii_digit() || matches!(c, ';' | ':' | 'm'));
                    return (c == 'm' && plain).then_some(sequence);
                }
            }
            None
        }
        // Strings to the terminal (titles, links, the clipboard) end with BEL or ST.
        ']' | 'P' | 'X' | '^' | '_' => {
            while let Some(c) = rest.next() {
                if c == '\u{7}' || (c == '\u{1b}' && rest.next() == Some('\\')) {
                    break;
                }
            }
            None
        }
        _ => None,
    }
}

/// Characters that turn the direction of text around and so can show another text than there is.
fn is_direction(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A stranger's text, without colours.
pub(crate) fn safe(text: &str) -> String {
    safe_line(text.as_bytes(), false)
}

#[cfg(test)]
mod tests {
    use super::safe_line;

    #[test]
    fn colours_stay_where_they_are_wanted_and_end_with_the_line() {
        assert_eq!(safe_line(b"\x1b[1;31mred", true), "\x1b[1;31mred\x1b[0m");
        assert_eq!(safe_line(b"\x1b[1;31mred\x1b[0m", false), "red");
    }

    #[test]
    fn nothing_else_steers_the_terminal() {
        let cases: [&[u8]; 6] = [
            b"a\x1b[2Jb",
            b"a\x1b]0;title\x07b",
            b"a\x1b]52;c;aGk=\x1b\\b",
            b"a\x08\x00\x07b",
            "a\u{202e}b".as_bytes(),
            b"a\x1b[?1049hb",
        ];
        for case in cases {
            assert_eq!(safe_line(case, true), "ab", "{case:?}");
        }
    }

    #[test]
    fn a_progress_bar_shows_its_last_state() {
        assert_eq!(safe_line(b"10 %\r50 %\r100 %\r", true), "100 %");
    }

    #[test]
    fn cut_and_wrong_input_is_no_harm() {
        assert_eq!(safe_line(b"\x1b", true), "");
        assert_eq!(safe_line(b"\x1b[1", true), "");
        assert_eq!(safe_line(b"\xff\xfe", false), "\u{fffd}\u{fffd}");
    }
}
