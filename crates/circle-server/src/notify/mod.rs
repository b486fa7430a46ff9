//! People and programs elsewhere are told how runs ended.
//!
//! Promises: a notice is a document of its own, made once for each run and receiver, and tried until its receiver takes it, refuses it for
//! good, or too many tries failed; which of these, and why, can be read in the list of notices. What is told of a log is what the log
//! has: secrets were masked before it left the worker. Absences: no notice blocks a run; no text of a stranger is markup.

mod mail;
mod port;
mod story;
mod webhook;
mod words;

pub(crate) use mail::MailNotifier;
pub use mail::{MailConfig, MailConfigError, MailTls};
pub(crate) use port::{Destination, NotTold, Notifier};
pub(crate) use story::Story;
pub(crate) use webhook::{SECRET_PREFIX, WebhookNotifier};
