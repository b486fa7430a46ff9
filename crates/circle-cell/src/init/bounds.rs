//! Bounds that processes inherit from init, and that nobody in a cell can raise.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::tools::Outcome;

/// Lowers the most open files of a process to `most`; what is lower already stays.
///
/// The soft bound is the same as the hard one: programs that need many files do not all raise it, and the bound is far from
/// the millions that make others close every number at their start.
pub(super) fn bound_open_files(most: Option<u32>) -> Outcome {
    let Some(most) = most else { return Ok(()) };
    let complain = |error: nix::Error| format!("bound the number of open files to {most}: {error}");
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).map_err(complain)?;
    let bound = hard.min(u64::from(most));
    setrlimit(Resource::RLIMIT_NOFILE, bound, bound).map_err(complain)
}
