//! btrfs: a disk is a subvolume, a copy of it a snapshot. On the file system that is there, or on one in a sparse file
//! that Circle makes, mounts and grows by itself.

mod adapter;
mod pool;
mod quota;
mod range;
mod subvolume;

pub(super) use adapter::{Btrfs, facts};
pub(super) use pool::{PoolFile, magic_is_btrfs};
pub(super) use quota::Quota;
