//! The Docker socket of a job: the cell's own engine behind a filter.
//!
//! Promises: a job with `docker: true` can do with containers, images, networks and volumes what test libraries and compose
//! files do; it gets no right beyond the ordinary. What is not listed here is refused, and so is a key or a value that is
//! not known: what the engine hears was written by this filter, never copied from the job, wherever a spelling could mean
//! more than it seems (another case, a key twice, a form in a body, a path in percent signs).
//! Circle's own containers can be looked at, and their processes neither heard nor asked.
//! Absences: pushing (the stage `push` does that under its rules), Swarm, plugins, BuildKit's own protocol, images of a
//! running container (`commit`).

mod create;
mod forward;
mod others;
mod places;
mod query;
mod routes;
mod rules;
mod serve;
mod subject;
mod sweep;
mod ulimits;

pub(crate) use create::RYUK_VARIABLE;
pub(crate) use serve::{DOCKER_SOCKET, DockerSocket};
pub(crate) use sweep::remove_made;

/// Why a request is refused, a sentence for the job.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Refusal(String);

impl Refusal {
    fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}
