//! Bytes of a stage's log as whole lines.

/// Longest line that is held back until its newline comes, in bytes; the rest follows as a line of its own.
const MAX_LINE_BYTES: usize = 64 * 1024;

/// Collects bytes until a line is whole.
#[derive(Debug, Default)]
pub(super) struct Lines {
    partial: Vec<u8>,
}

impl Lines {
    /// Calls `each` with every line that is whole now.
    pub(super) fn take(&mut self, mut bytes: &[u8], mut each: impl FnMut(&[u8])) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = (&bytes[..end], &bytes[end + 1..]);
            if self.partial.is_empty() {
                in_pieces(line, &mut each);
            } else {
                self.partial.extend_from_slice(line);
                in_pieces(&std::mem::take(&mut self.partial), &mut each);
            }
            bytes = rest;
        }
        self.partial.extend_from_slice(bytes);
        while self.partial.len() > MAX_LINE_BYTES {
            let rest = self.partial.split_off(MAX_LINE_BYTES);
            each(&self.partial);
            self.partial = rest;
        }
    }

    /// Gives out what has no newline yet.
    pub(super) fn flush(&mut self, mut each: impl FnMut(&[u8])) {
        if !self.partial.is_empty() {
            each(&std::mem::take(&mut self.partial));
        }
    }
}

fn in_pieces(line: &[u8], each: &mut impl FnMut(&[u8])) {
    if line.is_empty() {
        each(line);
    }
    line.chunks(MAX_LINE_BYTES).for_each(each);
}

#[cfg(test)]
mod tests {
    use super::{Lines, MAX_LINE_BYTES};

    fn fed(pieces: &[&[u8]]) -> Vec<String> {
        let (mut lines, mut out) = (Lines::default(), Vec::new());
        let mut each = |line: &[u8]| out.push(String::from_utf8_lossy(line).into_owned());
        for piece in pieces {
            lines.take(piece, &mut each);
        }
        lines.flush(&mut each);
        out
    }

    #[test]
    fn lines_are_whole_however_they_are_cut() {
        assert_eq!(fed(&[b"a", b"b\n\nc\nd"]), ["ab", "", "c", "d"]);
        assert_eq!(fed(&[b"a\n", b"b\n"]), ["a", "b"]);
    }

    #[test]
    fn an_endless_line_is_not_held() {
        let long = vec![b'x'; MAX_LINE_BYTES * 2 + 5];
        let pieces: Vec<usize> = fed(&[&long]).iter().map(String::len).collect();
        assert_eq!(pieces, [MAX_LINE_BYTES, MAX_LINE_BYTES, 5]);
    }
}
