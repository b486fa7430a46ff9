//! Calls of forges as the server verifies and reads them, for measuring it.

pub use circle_core::forge::ForgeKind;
pub use circle_server::forge::{read, verify};
