//! Values that a job names while it runs: a line `::add-mask::VALUE` of its output.
//!
//! The line itself is not shown. Of many lines, a value is one with `%0A` between them, as `%25` is the percent sign; these are the
//! words of GitHub's runner.

const WORD: &[u8] = b"::add-mask::";
/// Longest value as it is written.
const MOST_BYTES: usize = 8 * 1024;
/// Shortest value in characters, as for those that are set on the server.
const LEAST_CHARACTERS: usize = 8;

/// One stream of output, taken apart in whatever pieces it comes.
#[derive(Debug, Default)]
pub struct NamedLines {
    place: Place,
}

#[derive(Debug)]
enum Place {
    /// So many bytes of the word stand at the beginning of the line.
    Begin(usize),
    /// The line is no such line.
    Within,
    /// What is named, without its end; nothing more is kept of one that is too long.
    Value { bytes: Vec<u8>, is_whole: bool },
}

/// What a stream says.
#[derive(Debug, PartialEq, Eq)]
pub enum Said<'a> {
    /// Output.
    Text(&'a [u8]),
    /// A value that is a secret from now on.
    Named(String),
    /// A value that is not taken, and why: one sentence without the value.
    Refused(&'static str),
}

impl Default for Place {
    fn default() -> Self {
        Self::Begin(0)
    }
}

impl NamedLines {
    /// Takes a piece apart, in its order. A beginning of a line that could become such a line waits for the next piece.
    pub fn split<'a>(&mut self, piece: &'a [u8]) -> Vec<Said<'a>> {
        let mut said = Vec::new();
        let (mut shown, mut at) = (0, 0);
        while at < piece.len() {
            let rest = &piece[at..];
            match &mut self.place {
                Place::Begin(seen) => {
                    let wanted = &WORD[*seen..];
                    let same = rest.iter().zip(wanted).take_while(|(is, wanted)| is == wanted).count();
                    if same == wanted.len() {
                        said.extend(text(&piece[shown..at]));
                        at += same;
                        shown = at;
                        self.place = Place::Value {
                            bytes: Vec::new(),
                            is_whole: true,
                        };
                    } else if same == rest.len() {
                        said.extend(text(&piece[shown..at]));
                        *seen += same;
                        return said;
                    } else {
                        if *seen > 0 {
                            said.push(Said::Text(&WORD[..*seen]));
                        }
                        self.place = Place::Within;
                    }
                }
                Place::Within => match rest.iter().position(|byte| *byte == b'\n') {
                    Some(end) => {
                        at += end + 1;
                        self.place = Place::Begin(0);
                    }
                    None => at = piece.len(),
                },
                Place::Value { bytes, is_whole } => {
                    let end = rest.iter().position(|byte| *byte == b'\n');
                    let part = &rest[..end.unwrap_or(rest.len())];
                    *is_whole = *is_whole && bytes.len() + part.len() <= MOST_BYTES;
                    if *is_whole {
                        bytes.extend_from_slice(part);
                    }
                    at += part.len();
                    shown = at;
                    if end.is_some() {
                        said.push(self.named());
                        at += 1;
                        shown = at;
                    }
                }
            }
        }
        said.extend(text(&piece[shown..]));
        said
    }

    /// What is left at the end of the stream.
    pub fn finish(&mut self) -> Option<Said<'static>> {
        match self.place {
            Place::Begin(0) | Place::Within => None,
            Place::Begin(seen) => {
                self.place = Place::Begin(0);
                Some(Said::Text(&WORD[..seen]))
            }
            Place::Value { .. } => Some(self.named()),
        }
    }

    /// The value whose line has ended; the next line begins.
    fn named(&mut self) -> Said<'static> {
        let Place::Value { bytes, is_whole } = std::mem::take(&mut self.place) else {
            return Said::Text(&[]);
        };
        if !is_whole {
            return Said::Refused("a value that is named by ::add-mask:: has more than 8 KiB and is not masked");
        }
        let line = bytes.strip_suffix(b"\r").unwrap_or(&bytes);
        let value = String::from_utf8_lossy(line).replace("%0A", "\n").replace("%0D", "\r");
        let value = value.replace("%25", "%");
        if value.trim_end().chars().count() < LEAST_CHARACTERS {
            return Said::Refused(
                "a value that is named by ::add-mask:: has fewer than 8 characters and cannot be masked",
            );
        }
        Said::Named(value)
    }
}

fn text(bytes: &[u8]) -> Option<Said<'_>> {
    (!bytes.is_empty()).then_some(Said::Text(bytes))
}
