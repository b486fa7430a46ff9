//! A text as it reads without its terminal sequences, and the way back.

use super::Masker;
use super::escapes::{self, Sequence};

const ESCAPE: u8 = 0x1b;

/// The characters of a text without its terminal sequences, and where each stood.
pub(super) struct Plain<'a> {
    raw: &'a [u8],
    /// `None` = no sequences: every character stands where it stands.
    parts: Option<Parts>,
    /// Where a sequence begins whose end has not come; the text's length when there is none.
    end: usize,
    /// Nothing from here on may be shown: a secret may begin here when the sequences are read as text.
    hold: usize,
}

#[derive(Default)]
struct Parts {
    characters: Vec<u8>,
    /// Stretches between sequences: the number of the first character, and where it stands.
    stretches: Vec<(usize, usize)>,
}

impl<'a> Plain<'a> {
    /// A sequence that holds a secret, or a part of one, is read as text: a stray escape character hides nothing.
    pub(super) fn new(raw: &'a [u8], masker: &Masker) -> Self {
        if !escapes::any(raw) {
            return Self {
                raw,
                parts: None,
                end: raw.len(),
                hold: raw.len(),
            };
        }
        let mut hits = masker.find(raw).into_iter().peekable();
        let mut hold = masker.open_end(raw);
        let mut parts = Parts {
            characters: Vec::with_capacity(raw.len()),
            ..Parts::default()
        };
        let mut at = 0;
        while at < raw.len() {
            let text = raw[at..]
                .iter()
                .position(|byte| *byte == ESCAPE)
                .unwrap_or(raw.len() - at);
            if text > 0 {
                parts.push(&raw[at..at + text], at);
                at += text;
                continue;
            }
            let sequence = escapes::at(&raw[at..]);
            let end = if let Sequence::Whole(bytes) = sequence {
                at + bytes
            } else {
                raw.len()
            };
            while hits.next_if(|hit| hit.end <= at).is_some() {}
            let is_secret = hits.peek().is_some_and(|hit| hit.start < end);
            match sequence {
                Sequence::Whole(_) if !is_secret => {
                    if (at..end).contains(&hold) {
                        hold = at;
                    }
                    at = end;
                }
                Sequence::Begun if !is_secret => break,
                Sequence::Whole(_) | Sequence::Begun | Sequence::Text => {
                    parts.push(&raw[at..=at], at);
                    at += 1;
                }
            }
        }
        Self {
            raw,
            parts: Some(parts),
            end: at,
            hold,
        }
    }

    /// The first character that must wait, and the place from which nothing is shown.
    pub(super) fn stop(&self, stop: usize) -> (usize, usize) {
        let place = self.place(stop);
        match &self.parts {
            Some(parts) if self.hold < place => (parts.before(self.hold), self.hold),
            _ => (stop, place),
        }
    }

    pub(super) fn characters(&self) -> &[u8] {
        self.parts.as_ref().map_or(self.raw, |parts| &parts.characters)
    }

    /// Where the first so many characters end; what follows may be a sequence.
    pub(super) fn behind(&self, count: usize) -> usize {
        count.checked_sub(1).map_or(0, |last| self.place(last) + 1)
    }

    /// Where the character of this number stands; behind the last one, where an unfinished sequence begins.
    pub(super) fn place(&self, number: usize) -> usize {
        match &self.parts {
            None => number.min(self.end),
            Some(parts) => parts.place(number).unwrap_or(self.end),
        }
    }
}

impl Parts {
    fn push(&mut self, text: &[u8], at: usize) {
        self.stretches.push((self.characters.len(), at));
        self.characters.extend_from_slice(text);
    }

    fn place(&self, number: usize) -> Option<usize> {
        if number >= self.characters.len() {
            return None;
        }
        let stretch = self
            .stretches
            .partition_point(|(first, _)| *first <= number)
            .checked_sub(1)?;
        let (first, at) = self.stretches[stretch];
        Some(at + number - first)
    }

    /// How many characters stand before a place.
    fn before(&self, place: usize) -> usize {
        let Some(stretch) = self.stretches.partition_point(|(_, at)| *at < place).checked_sub(1) else {
            return 0;
        };
        let (first, at) = self.stretches[stretch];
        let next = self
            .stretches
            .get(stretch + 1)
            .map_or(self.characters.len(), |(first, _)| *first);
        next.min(first + place - at)
    }
}
