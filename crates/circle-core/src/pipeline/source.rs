//! Places in the text of a pipeline file.

use serde::{Deserialize, Serialize};
use std::sync::Arc;

use super::bounds::MAX_EXCERPT_CHARS;

/// A place: line and column count from 1, columns in characters (not bytes).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position {
    /// Counts from 1.
    pub line: u32,
    /// Counts from 1, in characters.
    pub column: u32,
}

/// From `start` up to, not including, `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Span {
    /// The first character.
    pub start: Position,
    /// The character after the last.
    pub end: Position,
}

impl Span {
    /// The very beginning of the file, for what is missing in it as a whole.
    pub const START: Self = Self::at(1, 1);

    /// One place.
    pub const fn at(line: u32, column: u32) -> Self {
        let place = Position { line, column };
        Self {
            start: place,
            end: place,
        }
    }
}

/// A value with the place where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Spanned<T> {
    /// What was written.
    pub(crate) value: T,
    /// Where.
    pub(crate) span: Span,
}

impl<T> Spanned<T> {
    /// A value at a place.
    pub(crate) const fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }
}

/// The file's name and text, shared by all that report on it.
#[derive(Debug, Clone)]
pub struct Source {
    name: Arc<str>,
    text: Arc<str>,
    /// Byte offset of the beginning of each line.
    lines: Arc<[usize]>,
}

impl Source {
    /// Indexes the lines of a text. A line ends at `\n`, `\r\n` or a lone `\r`, as YAML has it.
    pub fn new(name: &str, text: &str) -> Self {
        let bytes = text.as_bytes();
        let mut lines = vec![0];
        for (at, byte) in bytes.iter().enumerate() {
            let lone_return = *byte == b'\r' && bytes.get(at + 1) != Some(&b'\n');
            if *byte == b'\n' || lone_return {
                lines.push(at + 1);
            }
        }
        Self {
            name: name.into(),
            text: text.into(),
            lines: lines.into(),
        }
    }

    /// The name under which the file is spoken of.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// One line without its end, counted from 1; empty when there is no such line.
    pub fn line(&self, line: u32) -> &str {
        let index = line.saturating_sub(1) as usize;
        let Some(&start) = self.lines.get(index) else { return "" };
        let end = self.lines.get(index + 1).copied().unwrap_or(self.text.len());
        self.text[start..end].trim_end_matches(['\n', '\r'])
    }

    /// One line, cut to what is worth showing.
    pub fn excerpt(&self, line: u32) -> String {
        self.line(line).chars().take(MAX_EXCERPT_CHARS).collect()
    }

    /// The place of a byte offset that lies on a character.
    pub fn position(&self, byte: usize) -> Position {
        let index = self.lines.partition_point(|&start| start <= byte).saturating_sub(1);
        let column = self.text[self.lines[index]..byte].chars().count() + 1;
        Position {
            line: count(index + 1),
            column: count(column),
        }
    }

    /// The byte offset of a place; a place behind the end of its line is that end.
    pub fn byte(&self, place: Position) -> usize {
        let index = place.line.saturating_sub(1) as usize;
        let Some(&start) = self.lines.get(index) else {
            return self.text.len();
        };
        let line = self.line(place.line);
        let column = place.column.saturating_sub(1) as usize;
        start + line.char_indices().nth(column).map_or(line.len(), |(at, _)| at)
    }
}

/// Lines and columns fit because a file has a bound far below.
pub(super) fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Position, Source};

    #[test]
    fn columns_count_characters_and_lines_end_in_three_ways() {
        let source = Source::new("f", "a: 中文\r\nb: é x\rc: 1\n");
        assert_eq!(source.line(1), "a: 中文");
        assert_eq!(source.line(2), "b: é x");
        assert_eq!(source.line(3), "c: 1");
        assert_eq!(source.line(9), "");
        let place = source.position("a: 中".len());
        assert_eq!(place, Position { line: 1, column: 5 });
        assert_eq!(source.byte(place), "a: 中".len());
    }
}
