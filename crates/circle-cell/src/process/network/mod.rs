//! A cell's network: a link to the host, a firewall around it, names, and doors to chosen services.

mod address;
mod firewall;
mod host_names;
mod link;
mod names;
mod nft;
mod policy;
mod relay;
mod rules;

pub(crate) use address::{Pair, lock_addresses};
pub(crate) use firewall::Firewall;
pub use firewall::{FirewallChoice, FirewallChoiceError};
pub(crate) use host_names::{Resolvers, host_search};
pub(crate) use link::{links_of, make_link, remove_link, uplink_mtu};
pub(crate) use names::{datagram_socket, serve_names};
pub(crate) use relay::{Doors, serve_relay, stream_listener};
