//! Sealing: secrets at rest under a master key that is not in the store.
//!
//! A stolen store, or a backup of it, opens nothing without `master-key`. A value is bound to its workspace, scope and
//! name, so that no record can be moved to where somebody else may read it.

mod kept;
mod keys;
mod rotate;
mod seal;
mod source;

pub(crate) use kept::SecretWish;
pub use keys::VaultError;
pub use seal::Vault;
pub(crate) use seal::{OF_SERVER, Place};
pub use source::KeySource;
