//! Where the files of cells lie, and how what one cell left becomes the beginning of others.
//!
//! A *disk* is the folder of one cell with its daemon's data root in it. A *kept disk* is one that outlived its cell;
//! new disks begin as copies of it. Which disk is kept under which name, and who may begin from it, is decided elsewhere
//! ([`crate::roots`]); an adapter only makes, copies, keeps and removes.

mod btrfs;
mod choose;
mod folders;
mod images;
mod loops;
mod port;

pub(crate) use choose::open_storage;
pub use choose::{StorageChoice, foresee};
pub use port::{Keeps, StorageFacts};
pub(crate) use port::{Kept, Storage, io_task};

#[cfg(test)]
mod suite;
