//! Who goes next, decided without a clock: the line of runs that wait for a cell.
//!
//! The rule, from the outside in: among workspaces the one with the fewest active runs goes first, in it the service with
//! the fewest, in it the run that came first. Ties go to who has waited longest since its last turn; whoever comes anew
//! lines up behind those who wait. A priority is a head start of an hour within its workspace: it lets a run go before
//! those that came up to an hour earlier, and nobody waits for ever behind a stream of urgent ones. Runs of one ref keep
//! their order where their plan says so.
//!
//! Limits hold at every moment: active runs of a ref, of a service, of a workspace. Every change costs a few look-ups in
//! ordered sets, however many runs wait. [`Line::why`] tells why a run waits by rehearsing the rule itself, so what it
//! says is what then happens unless something new comes.

mod estimate;
mod lane;
mod line;
mod priority;
mod reason;
mod ref_lane;
mod workspace_lane;

pub use estimate::{median, starts_in};
pub use line::{Line, Standing, Ticket};
pub use priority::{HEAD_START_MS, Priority};
pub use reason::{LOOK_AHEAD, Wait};
