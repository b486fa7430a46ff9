//! Texts for people: tables, durations, sizes, and output of strangers made safe.

mod quantity;
mod safe;
mod table;

pub(crate) use quantity::{age, duration, size};
pub(crate) use safe::{safe, safe_line};
pub(crate) use table::{Cell, Table};
