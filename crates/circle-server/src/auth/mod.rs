//! Who may call what. A handler states the credential it wants by taking one of these extractors; what takes none is
//! on the explicit list of [`PUBLIC`](crate::http::PUBLIC), which a test compares with every route.

mod caller;
mod enrolment;
mod first_start;
mod found;
mod instance;
mod run_lease;
mod tenant;
mod tokens;
mod worker;

pub(crate) use caller::Caller;
pub(crate) use enrolment::EnrolmentToken;
pub use first_start::FirstStartError;
pub(crate) use first_start::prepare;
pub(crate) use found::Found;
pub(crate) use instance::Instance;
pub(crate) use run_lease::RunLease;
pub(crate) use tenant::{Admin, AtLeast, Developer, Releaser, Tenant, Viewer, Within};
pub(crate) use tokens::{Minted, hash_of, mint};
pub(crate) use worker::{WorkerIdentity, check_protocol};
