//! What Circle says on the wire: requests and responses of the API, the worker protocol, and a client.
//!
//! Wire types are not domain types where the two may drift apart; where a domain type is a plain record that people read
//! as it is (a run's stages, phases, failures), the API carries it and says so.

pub mod worker;
