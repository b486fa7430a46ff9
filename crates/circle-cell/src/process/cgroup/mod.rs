//! Control groups: `circle/<cell>/daemon` for the daemon and its helpers, `circle/<cell>/jobs` for everything that a run
//! brings. The limits stand on `jobs`, so that hitting them never kills the daemon.

mod group;
mod hierarchy;
mod hits;
mod limits;

pub(crate) use group::CellGroups;
pub(crate) use hierarchy::{Hierarchies, Version, detect_cgroups};
pub(crate) use hits::Hits;
