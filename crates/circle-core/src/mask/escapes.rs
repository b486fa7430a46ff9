//! Terminal sequences, which may stand between the characters of a secret.

/// Longest sequence that is taken for one; whatever is longer is text.
const LONGEST_BYTES: usize = 1024;
const ESCAPE: u8 = 0x1b;

/// What a text that begins with an escape character begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sequence {
    /// A whole sequence of so many bytes.
    Whole(usize),
    /// The beginning of one; the end has not come yet.
    Begun,
    /// None.
    Text,
}

/// Whether the text may hold a sequence at all.
pub(super) fn any(text: &[u8]) -> bool {
    text.contains(&ESCAPE)
}

/// Looks at a text; anything that does not begin with an escape character is text. After ECMA-48, and the string
/// sequences of xterm, which end with BEL too.
pub(super) fn at(text: &[u8]) -> Sequence {
    if text.first() != Some(&ESCAPE) {
        return Sequence::Text;
    }
    let text = &text[..text.len().min(LONGEST_BYTES + 1)];
    let end = match text.get(1) {
        None => None,
        Some(b'[') => text
            .iter()
            .skip(2)
            .position(|byte| (0x40..=0x7e).contains(byte))
            .map(|at| at + 3),
        Some(b']' | b'P' | b'X' | b'^' | b'_') => end_of_string(text),
        Some(0x20..=0x2f) => text
            .iter()
            .skip(2)
            .position(|byte| (0x30..=0x7e).contains(byte))
            .map(|at| at + 3),
        Some(0x30..=0x7e) => Some(2),
        Some(_) => return Sequence::Text,
    };
    match end {
        Some(end) if end <= LONGEST_BYTES => Sequence::Whole(end),
        None if text.len() < LONGEST_BYTES && !text.contains(&b'\n') => Sequence::Begun,
        _ => Sequence::Text,
    }
}

fn end_of_string(text: &[u8]) -> Option<usize> {
    let bell = text.iter().position(|byte| *byte == 7).map(|at| at + 1);
    let terminator = text
        .windows(2)
        .skip(2)
        .position(|pair| pair == [ESCAPE, b'\\'])
        .map(|at| at + 4);
    match (bell, terminator) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::{Sequence, at};

    #[test]
    fn sequences_are_told_from_text() {
        for (text, expected) in [
            (&b"\x1b[1;31mred"[..], Sequence::Whole(7)),
            (b"\x1b[", Sequence::Begun),
            (b"\x1b", Sequence::Begun),
            (b"\x1b]0;title\x07x", Sequence::Whole(10)),
            (b"\x1b]0;title\x1b\\x", Sequence::Whole(11)),
            (b"\x1b(Bx", Sequence::Whole(3)),
            (b"\x1b7x", Sequence::Whole(2)),
            (b"\x1b\nx", Sequence::Text),
            (b"red", Sequence::Text),
        ] {
            assert_eq!(at(text), expected, "{:?}", String::from_utf8_lossy(text));
        }
    }
}
