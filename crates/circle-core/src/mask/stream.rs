//! One stream of output on its way through a masker.

use std::fmt;
use std::ops::Range;

use super::escapes::{self, Sequence};
use super::{MASK, Masker};

/// Masks one stream, in whatever pieces it comes.
///
/// Only an end that could be the beginning of a needle is held back, until the next piece decides.
pub struct MaskStream {
    masker: Masker,
    /// Bytes that came and are not written yet.
    held: Vec<u8>,
    /// So many characters at the head of `held` belong to a secret whose mask is written already.
    covered: usize,
}

/// The characters of a text without its terminal sequences, and where each stood.
struct Plain<'a> {
    raw: &'a [u8],
    /// `None` = no sequences: every character stands where it stands.
    parts: Option<(Vec<u8>, Vec<usize>)>,
    /// Where a sequence begins whose end has not come; the text's length when there is none.
    end: usize,
    /// Nothing from here on may be shown: a secret may begin here when the sequences are read as text.
    hold: usize,
}

impl MaskStream {
    pub(super) fn new(masker: Masker) -> Self {
        Self {
            masker,
            held: Vec::new(),
            covered: 0,
        }
    }

    /// Takes a piece and appends to `out` what can be shown of it now.
    pub fn write(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        if self.masker.is_empty() {
            out.extend_from_slice(piece);
            return;
        }
        if self.held.is_empty() {
            self.advance(piece, out);
        } else {
            let mut text = std::mem::take(&mut self.held);
            text.extend_from_slice(piece);
            self.advance(&text, out);
        }
    }

    /// Ends the stream: what was held back is shown, since no secret can follow any more.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        let text = std::mem::take(&mut self.held);
        let plain = Plain::new(&text, &self.masker);
        let from = plain.behind(std::mem::take(&mut self.covered));
        out.extend_from_slice(&text[from..]);
    }

    /// Bytes that are held back now.
    pub fn held_bytes(&self) -> usize {
        self.held.len()
    }

    fn advance(&mut self, text: &[u8], out: &mut Vec<u8>) {
        let plain = Plain::new(text, &self.masker);
        let characters = plain.characters();
        let mut secret = self.masker.find(characters);
        if self.covered > 0 {
            join_front(&mut secret, self.covered);
        }
        let (stop, hold) = plain.stop(self.masker.open_end(characters));
        let mut shown = 0;
        let mut covered = 0;
        for range in &secret {
            let goes_on = range.start == 0 && self.covered > 0;
            if range.start >= stop && !goes_on {
                break;
            }
            if !goes_on {
                out.extend_from_slice(&text[plain.behind(shown)..plain.place(range.start)]);
                out.extend_from_slice(MASK.as_bytes());
            }
            shown = range.end.min(stop);
            covered = range.end - shown;
        }
        out.extend_from_slice(&text[plain.behind(shown).min(hold)..hold]);
        self.held.clear();
        self.held.extend_from_slice(&text[hold..]);
        self.covered = covered;
    }
}

impl fmt::Debug for MaskStream {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "MaskStream({} bytes held)", self.held.len())
    }
}

impl<'a> Plain<'a> {
    /// A sequence that holds a secret, or a part of one, is read as text: a stray escape character hides nothing.
    fn new(raw: &'a [u8], masker: &Masker) -> Self {
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
        let (mut characters, mut places) = (Vec::with_capacity(raw.len()), Vec::with_capacity(raw.len()));
        let mut at = 0;
        while at < raw.len() {
            let sequence = escapes::at(&raw[at..]);
            let end = if let Sequence::Whole(bytes) = sequence {
                at + bytes
            } else {
                raw.len()
            };
            while hits.next_if(|hit| hit.end <= at).is_some() {}
            let secret = hits.peek().is_some_and(|hit| hit.start < end);
            match sequence {
                Sequence::Whole(_) if !secret => {
                    if (at..end).contains(&hold) {
                        hold = at;
                    }
                    at = end;
                }
                Sequence::Begun if !secret => break,
                _ => {
                    characters.push(raw[at]);
                    places.push(at);
                    at += 1;
                }
            }
        }
        Self {
            raw,
            parts: Some((characters, places)),
            end: at,
            hold,
        }
    }

    /// The first character that must wait, and the place from which nothing is shown.
    fn stop(&self, stop: usize) -> (usize, usize) {
        let place = self.place(stop);
        match &self.parts {
            Some((_, places)) if self.hold < place => (places.partition_point(|at| *at < self.hold), self.hold),
            _ => (stop, place),
        }
    }

    fn characters(&self) -> &[u8] {
        self.parts.as_ref().map_or(self.raw, |(characters, _)| characters)
    }

    /// Where the first so many characters end; what follows may be a sequence.
    fn behind(&self, count: usize) -> usize {
        count.checked_sub(1).map_or(0, |last| self.place(last) + 1)
    }

    /// Where the character of this number stands; behind the last one, where an unfinished sequence begins.
    fn place(&self, number: usize) -> usize {
        match &self.parts {
            None => number.min(self.end),
            Some((_, places)) => places.get(number).copied().unwrap_or(self.end),
        }
    }
}

/// Makes the first `covered` characters part of what is secret.
fn join_front(secret: &mut Vec<Range<usize>>, covered: usize) {
    let mut front = 0..covered;
    let joined = secret.iter().take_while(|range| range.start <= front.end).count();
    for range in secret.drain(..joined) {
        front.end = front.end.max(range.end);
    }
    secret.insert(0, front);
}
