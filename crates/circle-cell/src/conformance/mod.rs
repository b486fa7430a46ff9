//! One suite for all: what every [`CellProvider`](crate::CellProvider) must do, so that two cannot come to differ.
//!
//! A provider's test brings a [`Fixture`] and calls [`run`] with [`CASES`], and with [`OWN_DAEMON`] when its cells have
//! daemons of their own. Cases panic with a sentence; `run` goes through all of them and fails with the names of those
//! that did. What the suite does not say is not promised.

mod container;
mod death;
mod exec;
mod fixture;
mod folders;
mod gate;
mod host_engine;
mod life;
mod own_daemon;

pub use fixture::{Case, Fixture, Ground, run};
pub use host_engine::{HostEngine, Reach};

/// What every provider must do.
pub const CASES: &[Case] = &[
    Case::new("a cell answers, runs a container, and leaves nothing", |ground| {
        Box::pin(life::answers_and_leaves_nothing(ground))
    }),
    Case::new("a start that fails says why and leaves nothing", |ground| {
        Box::pin(life::a_failed_start_leaves_nothing(ground))
    }),
    Case::new("two providers do not touch each other's cells", |ground| {
        Box::pin(life::two_side_by_side(ground))
    }),
    Case::new("folders are seen from both sides", |ground| {
        Box::pin(folders::seen_from_both_sides(ground))
    }),
    Case::new("what is written to one view is not seen in another", |ground| {
        Box::pin(folders::views_are_apart(ground))
    }),
    Case::new("a name leads nowhere else", |ground| {
        Box::pin(folders::names_lead_nowhere(ground))
    }),
    Case::new(
        "a process gets what it is given and gives back how it ended",
        |ground| Box::pin(exec::given_and_given_back(ground)),
    ),
    Case::new("a process can be killed with what it started", |ground| {
        Box::pin(exec::killed_with_children(ground))
    }),
    Case::new("commands run behind the gate", |ground| {
        Box::pin(gate::commands_behind_the_gate(ground))
    }),
    Case::new("a kill ends everything, from anywhere and however often", |ground| {
        Box::pin(death::kill_ends_everything(ground))
    }),
    Case::new("a dropped cell dies and leaves nothing", |ground| {
        Box::pin(death::dropped_cells_die(ground))
    }),
    Case::new("a death that nobody ordered is told with its reason", |ground| {
        Box::pin(death::unordered_death_is_told(ground))
    }),
];

/// What a provider must do besides when every cell has a daemon of its own.
pub const OWN_DAEMON: &[Case] = &[
    Case::new("a cell sees nothing of another, living or dead", |ground| {
        Box::pin(own_daemon::sees_nothing_of_others(ground))
    }),
    Case::new(
        "a job that takes too much memory dies alone, and the bound is named",
        |ground| Box::pin(own_daemon::memory_is_bounded(ground)),
    ),
];
