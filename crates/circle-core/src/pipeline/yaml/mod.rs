//! YAML as this file allows it: maps, lists and scalars with their places; no tags, no merge keys, one document.

mod load;
mod node;
mod syntax;
mod text;

pub(super) use load::load;
pub(super) use node::{Entry, Node, Scalar, ScalarKind, Value};
pub(super) use text::decode;
