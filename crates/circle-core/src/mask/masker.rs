//! The needles of one run.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::finder::Finder;
use super::{MaskStream, forms};

/// Knows every spelling of the secrets of a run. Cheap to clone.
#[derive(Clone)]
pub struct Masker {
    needles: Arc<Needles>,
}

struct Needles {
    /// Sorted, so that a prefix is found by halving.
    sorted: Vec<Vec<u8>>,
    finder: Option<Finder>,
    /// Whether some needle begins with this byte.
    begins: [bool; 256],
    longest: usize,
}

impl Masker {
    /// Makes the needles of these values. Values of fewer than [`super::SHORTEST_BYTES`] bytes are not masked.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        Self::of_needles(BTreeSet::new(), secrets)
    }

    /// The same needles and those of further values.
    pub fn with<'a>(&self, secrets: impl IntoIterator<Item = &'a str>) -> Self {
        Self::of_needles(self.needles.sorted.iter().cloned().collect(), secrets)
    }

    fn of_needles<'a>(mut all: BTreeSet<Vec<u8>>, secrets: impl IntoIterator<Item = &'a str>) -> Self {
        for secret in secrets {
            all.extend(forms::of(secret.as_bytes()));
        }
        let sorted: Vec<Vec<u8>> = all.into_iter().collect();
        let mut begins = [false; 256];
        for needle in &sorted {
            begins[usize::from(needle[0])] = true;
        }
        let longest = sorted.iter().map(Vec::len).max().unwrap_or(0);
        let finder = (!sorted.is_empty()).then(|| Finder::new(&sorted));
        Self {
            needles: Arc::new(Needles {
                sorted,
                finder,
                begins,
                longest,
            }),
        }
    }

    /// Begins one stream of output; every stream of a job has its own.
    pub fn stream(&self) -> MaskStream {
        MaskStream::new(self.clone())
    }

    /// Masks a whole text: a message, a title.
    pub fn text(&self, text: &str) -> String {
        let mut stream = self.stream();
        let mut out = Vec::with_capacity(text.len());
        stream.write(text.as_bytes(), &mut out);
        stream.finish(&mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    /// Whether there is nothing to mask.
    pub fn is_empty(&self) -> bool {
        self.needles.finder.is_none()
    }

    /// Where needles stand, overlapping and touching ones joined, in order.
    pub(super) fn find(&self, text: &[u8]) -> Vec<Range<usize>> {
        match &self.needles.finder {
            Some(finder) => finder.find(text, &self.needles.sorted),
            None => Vec::new(),
        }
    }

    /// Where the longest end of the text begins that is the beginning of a needle; the text's length when there is none.
    pub(super) fn open_end(&self, text: &[u8]) -> usize {
        let first = (text.len() + 1).saturating_sub(self.needles.longest);
        (first..text.len())
            .find(|at| self.needles.begins[usize::from(text[*at])] && self.begins_needle(&text[*at..]))
            .unwrap_or(text.len())
    }

    fn begins_needle(&self, text: &[u8]) -> bool {
        let after = self.needles.sorted.partition_point(|needle| needle.as_slice() <= text);
        self.needles
            .sorted
            .get(after)
            .is_some_and(|needle| needle.starts_with(text))
    }
}

impl fmt::Debug for Masker {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Masker({} needles)", self.needles.sorted.len())
    }
}
