//! Identity providers: systems that say who somebody is, and the way from their word to an account.
//!
//! Promises: a person is who the provider's own id of them says, never an address of mail or a name, so nobody takes an account over
//! by calling themselves alike; a sign-in belongs to the browser that began it, to one provider, once, for ten minutes; an id token
//! counts only with a signature of the provider's published keys by an algorithm that is allowed; every call goes through
//! `circle_net`.
//!
//! Absences: no token of a provider is kept; nobody is signed out here because they were there.

mod accounts;
mod crypto;
mod discovery;
mod error;
mod flow;
mod forge_kinds;
mod id_token;
mod oidc;
mod provider;

pub(crate) use error::SignInError;
pub(crate) use flow::{Flow, Wish};
pub(crate) use provider::{Person, Proof, SignIns};
