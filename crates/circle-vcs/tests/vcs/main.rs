//! Stories of git against real servers: work trees, mirrors, and what hostile repositories try.

mod checkout;
mod mirror;
mod security;
mod support;
