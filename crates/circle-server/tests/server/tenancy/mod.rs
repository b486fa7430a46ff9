//! Who may call what: every route of the description, asked by everybody who could ask.

mod live;
mod routes;
mod shop;
mod table;
