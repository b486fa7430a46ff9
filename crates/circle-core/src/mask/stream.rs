//! One stream of output on its way through a masker.

use std::fmt;
use std::ops::Range;

use super::plain::Plain;
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

impl MaskStream {
    pub(super) fn new(masker: Masker) -> Self {
        Self {
            masker,
            held: Vec::new(),
            covered: 0,
        }
    }

    /// From now on other needles count: also for what is held back, not for what was shown.
    pub fn renew(&mut self, masker: Masker) {
        self.masker = masker;
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

/// Makes the first `covered` characters part of what is secret.
fn join_front(secret: &mut Vec<Range<usize>>, covered: usize) {
    let mut front = 0..covered;
    let joined = secret.iter().take_while(|range| range.start <= front.end).count();
    for range in secret.drain(..joined) {
        front.end = front.end.max(range.end);
    }
    secret.insert(0, front);
}
