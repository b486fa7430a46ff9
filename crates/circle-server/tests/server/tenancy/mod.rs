//! Who may call what: every route of the description, asked by everybody who could ask.

mod accounts;
mod audit;
pub(crate) mod browser;
mod id_tokens;
mod identities;
mod live;
pub(crate) mod people;
mod routes;
mod shop;
mod sign_in;
mod table;
mod welcome;
