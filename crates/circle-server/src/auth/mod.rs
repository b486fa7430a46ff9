//! Who may call what. A handler states the credential it wants by taking one of these extractors; what takes none is
//! on the explicit list of [`PUBLIC`](crate::http::PUBLIC), which a test compares with every route.

mod caller;
mod cookie;
mod enrolment;
mod first_start;
mod found;
mod instance;
mod origin;
mod passwords;
mod run_lease;
mod sessions;
mod tenant;
mod tokens;
mod tries;
mod worker;

pub(crate) use caller::Caller;
pub(crate) use cookie::Cookie;
pub(crate) use enrolment::EnrolmentToken;
pub use first_start::FirstStartError;
pub(crate) use first_start::prepare;
pub(crate) use found::{Addressed, Found};
pub(crate) use instance::{Instance, Unlimited};
pub(crate) use origin::{is_foreign_to, is_own_origin, refuse_foreign};
pub(crate) use passwords::{PASSWORD_BYTES, Passwords};
pub(crate) use run_lease::RunLease;
pub(crate) use sessions::{begin as begin_session, end_all, forget_cookie};
pub(crate) use tenant::{Admin, AtLeast, Developer, Releaser, Tenant, Viewer, Within};
pub(crate) use tokens::{Minted, hash_of, mint, same, token_of_value};
pub(crate) use tries::Tries;
pub(crate) use worker::{WorkerIdentity, check_protocol};
