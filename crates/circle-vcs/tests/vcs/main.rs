//! Stories of git against real servers: work trees, mirrors, and what hostile repositories try.

mod checkout;
mod deploy_key;
mod mirror;
mod passage;
mod security;
mod support;
