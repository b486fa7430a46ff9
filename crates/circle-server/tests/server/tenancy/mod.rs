//! Who may call what: every route of the description, asked by everybody who could ask.

mod accounts;
mod audit;
mod live;
pub(crate) mod people;
mod routes;
mod shop;
mod table;
mod welcome;
