//! What images there are.

mod busybox;
mod debian;
mod golang;
mod postgres;
mod redis;
mod toolchain;
mod worker;

use super::cached::Image;

/// All images, by name.
pub(crate) const IMAGES: &[Image] = &[
    busybox::IMAGE,
    redis::IMAGE,
    toolchain::IMAGE,
    debian::BARE,
    debian::BUILDER,
    debian::PYTHON,
    debian::COMPOSE,
    postgres::IMAGE,
    golang::IMAGE,
    worker::BASE,
    worker::IMAGE,
];

/// What operators load: a worker as a container, cells in containers, and the images of the first steps.
pub(crate) const OF_OPERATORS: &[&str] = &["busybox", "redis", "toolchain", "worker-base", "worker"];

/// Images that hold this clone's own program.
pub(crate) const WITH_PROGRAM: &[&str] = &["worker"];
