//! Finds needles: most of a log is passed over by looking at four bytes at a time; only where a needle could begin is it
//! looked closer. However the log is made, no byte is looked at by more than the automaton of Aho and Corasick.

use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind, Input, MatchKind};

use super::SHORTEST_BYTES;

/// Most bytes of all needles together.
const MOST_NEEDLE_BYTES: usize = 64 * 1024 * 1024;
/// Heads are looked up in so many bits first: 64 KiB, which a processor keeps near.
const TABLE_BITS: u32 = 19;
/// Needles with the same head that are compared one by one; more are left to the automaton.
const MOST_COMPARED: usize = 16;

type Head = [u8; SHORTEST_BYTES];

/// Finds the needles that it was made of.
pub(super) struct Finder {
    /// A bit for every head, by its hash.
    table: Vec<u64>,
    automaton: AhoCorasick,
    longest: usize,
}

impl Finder {
    /// Needles are sorted, and each has at least [`SHORTEST_BYTES`].
    pub(super) fn new(sorted: &[Vec<u8>]) -> Self {
        let mut table = vec![0; 1 << (TABLE_BITS - 6)];
        for needle in sorted {
            if let Some(head) = needle.first_chunk() {
                let bit = hash(*head);
                table[bit >> 6] |= 1 << (bit & 63);
            }
        }
        let longest = sorted.iter().map(Vec::len).max().unwrap_or(0);
        Self {
            table,
            automaton: automaton(sorted),
            longest,
        }
    }

    /// Where needles stand, overlapping and touching ones joined, in order.
    pub(super) fn find(&self, text: &[u8], sorted: &[Vec<u8>]) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        let mut searched = 0;
        for at in 0..text.len().saturating_sub(SHORTEST_BYTES - 1) {
            let Some(head) = text[at..].first_chunk() else { break };
            let bit = hash(*head);
            if self.table[bit >> 6] & (1 << (bit & 63)) == 0 || at + self.longest <= searched {
                continue;
            }
            let same = with_head(sorted, *head);
            if same.len() > MOST_COMPARED {
                // From here so far that every needle that begins before the end of this stretch is found whole.
                let end = text.len().min(at + 2 * self.longest);
                let stretch = Input::new(text).span(at.max(searched.saturating_sub(self.longest))..end);
                found.extend(self.automaton.find_overlapping_iter(stretch).map(|hit| hit.range()));
                searched = end;
            } else {
                let here = same.iter().filter(|needle| text[at..].starts_with(needle));
                found.extend(here.map(Vec::len).max().map(|bytes| at..at + bytes));
            }
        }
        joined(found)
    }
}

/// The needles that begin so.
fn with_head(sorted: &[Vec<u8>], head: Head) -> &[Vec<u8>] {
    let of = |needle: &Vec<u8>| needle.first_chunk::<SHORTEST_BYTES>().copied().unwrap_or_default();
    let first = sorted.partition_point(|needle| of(needle) < head);
    let count = sorted[first..].partition_point(|needle| of(needle) == head);
    &sorted[first..first + count]
}

/// A multiplicative hash (Knuth, The Art of Computer Programming, volume 3, 6.4).
fn hash(head: Head) -> usize {
    (u32::from_le_bytes(head).wrapping_mul(0x9e37_79b1) >> (32 - TABLE_BITS)) as usize
}

fn joined(mut found: Vec<Range<usize>>) -> Vec<Range<usize>> {
    found.sort_unstable_by_key(|range| range.start);
    let mut all: Vec<Range<usize>> = Vec::with_capacity(found.len());
    for range in found {
        match all.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => all.push(range),
        }
    }
    all
}

fn automaton(needles: &[Vec<u8>]) -> AhoCorasick {
    let bytes: usize = needles.iter().map(Vec::len).sum();
    assert!(
        bytes <= MOST_NEEDLE_BYTES,
        "the secrets of one run have {bytes} bytes in all their spellings; 64 MiB is the most"
    );
    AhoCorasick::builder()
        .match_kind(MatchKind::Standard)
        .kind(Some(AhoCorasickKind::ContiguousNFA))
        .build(needles)
        .expect("64 MiB of needles are far below what the automaton can number")
}
