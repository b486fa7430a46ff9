//! The rules of promotion and removal: pure functions over what is known.

use super::index::KeptRoot;
use super::{Promotion, RootName, RootStamp};
use crate::storage::Keeps;

/// Why a cell did not become the next generation of a root.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotPromoted {
    /// Copies are too dear on this machine.
    #[error("this worker's storage keeps no roots of services")]
    Storage,
    /// Another run was faster.
    #[error("{name} is at generation {present} by now, and the run began from {}", named(.began.as_ref()))]
    Overtaken {
        /// Which root.
        name: RootName,
        /// Its generation now.
        present: u64,
        /// What the run began from.
        began: Option<RootStamp>,
    },
    /// The root is of a newer commit.
    #[error("{name} holds what run {present} left, which is not older than {order}")]
    Older {
        /// Which root.
        name: RootName,
        /// The order of the present generation.
        present: u64,
        /// The order of the refused one.
        order: u64,
    },
    /// The root that the cell began from is gone: it was pruned, or made anew on other grounds.
    #[error("{} is not kept any more, from which the run began", named(.began.as_ref()))]
    ParentGone {
        /// What the run began from.
        began: Option<RootStamp>,
    },
    /// Something on the way failed; nothing changed.
    #[error("the cell could not be kept: {0}")]
    Failed(String),
}

fn named(stamp: Option<&RootStamp>) -> String {
    stamp.map_or_else(|| "an empty root".to_owned(), ToString::to_string)
}

/// Whether a cell that began from `began` may become the next generation of what it wishes to be.
pub(super) fn may_promote(
    keeps: Keeps,
    roots: &[KeptRoot],
    began: Option<&RootStamp>,
    wish: &Promotion,
) -> Result<(), NotPromoted> {
    let enough = if wish.name.is_base() {
        Keeps::Base
    } else {
        Keeps::Everything
    };
    if keeps < enough {
        return Err(NotPromoted::Storage);
    }
    let present = roots.iter().find(|root| root.stamp.name == wish.name);
    let is_kept = |stamp: &RootStamp| roots.iter().any(|root| root.stamp == *stamp);
    match (present, began) {
        (Some(present), began) if began != Some(&present.stamp) => Err(NotPromoted::Overtaken {
            name: wish.name.clone(),
            present: present.stamp.generation,
            began: began.cloned(),
        }),
        (Some(present), _) if present.order >= wish.order => Err(NotPromoted::Older {
            name: wish.name.clone(),
            present: present.order,
            order: wish.order,
        }),
        (None, Some(began)) if !is_kept(began) => Err(NotPromoted::ParentGone {
            began: Some(began.clone()),
        }),
        // What began from somebody else's root may become its own name's first, since whoever wishes may read both.
        _ => Ok(()),
    }
}

/// The root that goes next when all of them take more than they may: the one that was used longest ago. The base stays.
pub(super) fn next_to_go(roots: &[KeptRoot], quota_bytes: u64) -> Option<RootName> {
    let taken: u64 = roots
        .iter()
        .map(|root| {
            if root.stamp.name.is_base() {
                root.total_bytes
            } else {
                root.own_bytes
            }
        })
        .sum();
    if taken <= quota_bytes {
        return None;
    }
    let others = roots.iter().filter(|root| !root.stamp.name.is_base());
    others
        .min_by_key(|root| root.used_at)
        .map(|root| root.stamp.name.clone())
}

#[cfg(test)]
mod tests {
    use super::{NotPromoted, may_promote, next_to_go};
    use crate::roots::{KeptRoot, Promotion, RootName, RootStamp};
    use crate::storage::Keeps;

    fn stamp(name: &str, generation: u64) -> RootStamp {
        RootStamp {
            name: name.parse().expect("a name"),
            generation,
        }
    }

    fn root(name: &str, generation: u64, order: u64) -> KeptRoot {
        KeptRoot {
            stamp: stamp(name, generation),
            order,
            label: name.to_owned(),
            note: String::new(),
            total_bytes: 100,
            own_bytes: 10,
            made_at: 0,
            used_at: order,
        }
    }

    fn wish(name: &str, order: u64) -> Promotion {
        Promotion {
            name: name.parse().expect("a name"),
            order,
            label: String::new(),
            note: String::new(),
            caches: Vec::new(),
        }
    }

    fn decided(roots: &[KeptRoot], began: Option<&RootStamp>, wish: &Promotion) -> Result<(), NotPromoted> {
        may_promote(Keeps::Everything, roots, began, wish)
    }

    #[test]
    fn the_first_of_a_name_begins_from_the_base() {
        let roots = [root("base", 1, 0)];
        assert_eq!(decided(&roots, Some(&stamp("base", 1)), &wish("shop", 3)), Ok(()));
        assert_eq!(decided(&[], None, &wish("shop", 3)), Ok(()), "a worker without a base");
        let gone = decided(&roots, Some(&stamp("base", 0)), &wish("shop", 3));
        assert!(matches!(gone, Err(NotPromoted::ParentGone { .. })), "{gone:?}");
    }

    #[test]
    fn only_a_child_of_the_present_one_replaces_it() {
        let roots = [root("base", 1, 0), root("shop", 4, 7)];
        assert_eq!(decided(&roots, Some(&stamp("shop", 4)), &wish("shop", 8)), Ok(()));
        for began in [Some(stamp("shop", 3)), Some(stamp("base", 1)), None] {
            let refused = decided(&roots, began.as_ref(), &wish("shop", 8));
            assert!(
                matches!(refused, Err(NotPromoted::Overtaken { present: 4, .. })),
                "{refused:?}"
            );
        }
    }

    #[test]
    fn an_older_run_never_replaces_a_newer_one() {
        let roots = [root("shop", 4, 7)];
        for order in [6, 7] {
            let refused = decided(&roots, Some(&stamp("shop", 4)), &wish("shop", order));
            assert!(
                matches!(refused, Err(NotPromoted::Older { present: 7, .. })),
                "{refused:?}"
            );
        }
    }

    #[test]
    fn a_storage_that_writes_copies_out_keeps_the_base_alone() {
        let began = stamp("base", 1);
        let roots = [root("base", 1, 0)];
        assert_eq!(
            may_promote(Keeps::Base, &roots, Some(&began), &wish("shop", 1)),
            Err(NotPromoted::Storage)
        );
        assert_eq!(may_promote(Keeps::Base, &[], None, &wish("base", 1)), Ok(()));
        assert_eq!(
            may_promote(Keeps::Nothing, &[], None, &wish("base", 1)),
            Err(NotPromoted::Storage)
        );
    }

    #[test]
    fn what_was_used_longest_ago_goes_first_and_the_base_never() {
        let roots = [root("base", 1, 0), root("old", 1, 5), root("new", 1, 9)];
        assert_eq!(next_to_go(&roots, 120), None);
        assert_eq!(next_to_go(&roots, 119), Some("old".parse().expect("a name")));
        assert_eq!(next_to_go(&roots[..1], 0), None, "the base stays");
        assert!(RootName::base().is_base());
    }
}
