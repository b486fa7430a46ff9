//! Roots: what a cell's daemon finds in its data root when it starts.
//!
//! A root has a name and a generation. The next generation of a name is what a run left behind in a cell that began from
//! the present one (or from the base, while there is none): a compare-and-swap on the parent, so that two runs side by
//! side never mix and an older run never replaces a newer one. What a name means, and which run may read or replace it,
//! is the caller's rule.

mod decide;
mod index;
mod keeper;
mod name;

pub use decide::NotPromoted;
pub use index::{KeptRoot, RootTally};
pub(crate) use keeper::{Borrowed, Roots, kept_of};
pub use name::{RootName, RootNameError, RootStamp};

/// The wish to make the next generation of a root out of a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promotion {
    /// Which root.
    pub name: RootName,
    /// Grows with the age of what is in it: a promotion below or at the present one's is refused.
    pub order: u64,
    /// For people: what the root belongs to.
    pub label: String,
    /// Whatever the caller wants to find again with the root.
    pub note: String,
    /// Cache folders that are kept, by name; the others go.
    pub caches: Vec<String>,
}

/// What became of a promotion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Promoted {
    /// The cell became this root.
    Yes(RootStamp),
    /// It did not, and the present root stays.
    No(NotPromoted),
}
