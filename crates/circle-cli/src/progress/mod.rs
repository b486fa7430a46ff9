//! A run as it happens, as lines for people or events for programs.

mod follow;
mod groups;
mod held;
mod lines;
mod local;
mod stages;
mod story;

pub(crate) use follow::{Detail, follow};
pub(crate) use local::LocalStory;
pub(crate) use stages::{state_cell, verdict_line};
