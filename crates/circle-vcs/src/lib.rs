//! Foreign repositories, read with care: git by argument vector, never through a shell, for both who need it.
//!
//! A worker runs [`check_out`] through a runner of its own, inside a cell; the server keeps a [`Mirror`] per service for
//! pipeline files and changed paths. Both share one list of settings ([`harden`]), one reading of git's errors
//! ([`GitFailure`]) and one way to hand a password or a deploy key over
//! ([`Helper`]).
//!
//! Promises: no hook, filter, file system monitor, template or configuration of a repository, a home or a machine runs
//! or counts; only the protocols of [`RepositoryUrl`] are spoken; redirects are not followed; a password or a key
//! serves only the host that it belongs to, and stands in no file, argument, environment or configuration; time and output end at
//! named bounds.
//!
//! Absences: no LFS, no rule about addresses of its own: a mirror's git is led through somebody who has them
//! ([`MirrorOptions::net`]), a worker's runs in a cell that has them.

mod askpass;
mod checkout;
mod credential;
mod deploy_key;
mod failure;
mod git;
mod harden;
mod helper;
mod mirror;
mod process;
mod url;
mod way;

pub use checkout::{Checkout, CommitFacts, check_out};
pub use credential::{Credential, Login, MAX_KEY_BYTES, check_private_key, host_keys};
pub use failure::{FailureClass, GitFailure, classify};
pub use git::{GitStep, StepOutput, StepRunner};
pub use harden::{Transport, harden};
pub use helper::{Helper, HelperError};
pub use mirror::{Mirror, MirrorOptions};
pub use process::{LocalRunner, RunLimits};
pub use url::{MAX_URL_BYTES, RepositoryUrl, Scheme, UrlError};
