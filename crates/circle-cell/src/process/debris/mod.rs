//! What cells leave on their host, by kind. Every kind has one owner here, and this is the one place where owners register:
//! whoever makes a new kind of thing for a cell (a snapshot, a loop device) adds itself to [`Cleanup::of_machine`] or [`Cleanup::add_storage`], and is
//! asked at every end of a cell, at the start of a worker, and every minute.
//!
//! Promise: nothing is touched that does not carry the name of a cell of this instance. Absence: what belongs to the instance
//! as a whole (firewall rules) is kept and removed by its own owner.

mod cleanup;
mod disks;
mod folders;
mod groups;
mod links;
mod mounts;
mod names;
mod processes;

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::io;

use async_trait::async_trait;

pub(crate) use cleanup::Cleanup;
pub(crate) use disks::Disks;

use crate::CellId;

/// One kind of thing that cells have on their host, as its owner sees it.
#[async_trait]
pub(crate) trait Debris: Send + Sync + Debug {
    /// One word for people: `process`, `link`.
    fn kind(&self) -> &'static str;

    /// Every cell of this instance that has such a thing, living ones too, recognised by names that only Circle uses.
    async fn cells(&self) -> io::Result<BTreeSet<CellId>>;

    /// Removes all that one dead cell has of it, and says what that was. What is gone already is no error; a second call
    /// finds nothing.
    async fn remove(&self, id: &CellId) -> io::Result<Vec<String>>;
}
