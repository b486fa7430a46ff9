//! What is masked in a run: the secrets that it was given, and what its jobs name while they run.
//!
//! A value that is named counts for every stream of every stage from the moment at which its line is read. What was shown before
//! stays shown; so does what another process wrote to another stream before, as far as that was read before.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use circle_core::mask::Masker;

/// Values that the jobs of one run may name: a masker is made anew for them.
const MOST_VALUES: usize = 256;
/// Bytes of all of them together.
const MOST_BYTES: usize = 64 * 1024;

/// The masker of a run, which can grow. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Masks {
    shared: Arc<Shared>,
}

struct Shared {
    /// Grows with every change of `current`.
    generation: AtomicU64,
    current: RwLock<Current>,
}

struct Current {
    masker: Masker,
    named: usize,
    bytes: usize,
}

impl Masks {
    pub(crate) fn new(masker: Masker) -> Self {
        let current = Current {
            masker,
            named: 0,
            bytes: 0,
        };
        Self {
            shared: Arc::new(Shared {
                generation: AtomicU64::new(0),
                current: RwLock::new(current),
            }),
        }
    }

    /// As it is now.
    pub(crate) fn masker(&self) -> Masker {
        let current = self.shared.current.read().unwrap_or_else(PoisonError::into_inner);
        current.masker.clone()
    }

    /// Another number than before when the masker is another.
    pub(crate) fn generation(&self) -> u64 {
        self.shared.generation.load(Ordering::Acquire)
    }

    /// Masks a whole text.
    pub(crate) fn text(&self, text: &str) -> String {
        self.masker().text(text)
    }

    /// Masks further values from now on; `false` when not all of them fit.
    pub(crate) fn name(&self, values: &[String]) -> bool {
        let mut current = self.shared.current.write().unwrap_or_else(PoisonError::into_inner);
        let mut taken = Vec::new();
        for value in values {
            if current.named == MOST_VALUES || current.bytes + value.len() > MOST_BYTES {
                break;
            }
            current.named += 1;
            current.bytes += value.len();
            taken.push(value.as_str());
        }
        let all = taken.len() == values.len();
        if !taken.is_empty() {
            current.masker = current.masker.with(taken);
            self.shared.generation.fetch_add(1, Ordering::Release);
        }
        all
    }
}

impl fmt::Debug for Masks {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Masks({:?})", self.masker())
    }
}

#[cfg(test)]
mod tests {
    use circle_core::mask::Masker;

    use super::{MOST_VALUES, Masks};

    #[test]
    fn so_many_are_masked_as_fit_and_no_more() {
        let masks = Masks::new(Masker::new(["of-the-server"]));
        let before = masks.generation();
        assert!(masks.name(&["named-first".to_owned()]));
        assert_ne!(masks.generation(), before);
        assert_eq!(masks.text("of-the-server named-first"), "*** ***");
        assert!(!masks.name(&["x".repeat(65 * 1024)]), "longer than all together may be");
        let many: Vec<String> = (0..MOST_VALUES)
            .map(|number| format!("number-{number:04}-is-secret"))
            .collect();
        assert!(!masks.name(&many), "one of them is too many");
        assert_eq!(masks.text(&many[MOST_VALUES - 2]), "***");
        assert_eq!(masks.text(&many[MOST_VALUES - 1]), many[MOST_VALUES - 1]);
    }
}
