//! The store port: documents with versions, found by declared indexes, changed by compare-and-swap.
//!
//! One aggregate is one document; one change is one [`Store::replace`]. There is no transaction over two documents and
//! there never will be: what must happen together lies in one document. So the same promises hold on SQLite and on
//! document servers without transactions. The promises are written at [`Store`]; the kinds, their indexes and heads
//! are one table in [`kinds`]. [`Records`] puts types, schema numbers and the retry loop on top.

mod changes;
mod document;
pub mod embedded;
mod errors;
pub mod kinds;
mod pointer;
mod query;
mod record;
mod records_of;
mod store;
mod update;

pub use changes::{ChangeBoard, Changes};
pub use document::{DOCUMENT_BYTES, HEAD_BYTES, Head, ID_BYTES, INDEX_KEY_BYTES, NewDocument, Stored, Version};
pub use embedded::EmbeddedStore;
pub use errors::StoreError;
pub use kinds::{Index, Kind};
pub use pointer::{IndexValue, head_of, index_values};
pub use query::{Bound, Cursor, DEFAULT_LIMIT, FindAll, MAX_LIMIT, Order, Page, Query};
pub use record::{Record, RecordError, SCHEMA_FIELD, UpgradeError};
pub use records_of::Records;
pub use store::Store;
pub use update::{UPDATE_TRIES, UpdateError, Updated};
