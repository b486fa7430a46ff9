//! Calls that the server makes into the world for others: forges, webhooks, discovery. One client, one set of rules (security 42).
//!
//! Promises: the address that is connected to was judged, not the name that was asked for, so a name cannot change its mind in between;
//! loopback, private, link-local and metadata addresses are refused in every spelling unless the operator allows them; a redirect is
//! judged like a first address; a credential goes to its own origin and nowhere else; answers end at named bounds of size and
//! time; a call is made again only when that is harmless. A program that connects by itself is led through a [`Passage`], where all of this
//! about addresses holds.
//!
//! Absences: no cookies, no proxy of the environment, no compression (a small answer cannot become a large one), no redirect that the
//! caller did not ask for.

mod address;
mod allow;
mod answer;
mod client;
mod counters;
mod error;
mod passage;
mod request;
mod retry;
mod rules;
mod socks;

pub use address::{Denied, judge};
pub use allow::{Allow, AllowError};
pub use answer::Answer;
pub use client::Net;
pub use counters::Counters;
pub use error::NetError;
pub use passage::{Manner, Passage};
pub use request::{Bounds, Request};
