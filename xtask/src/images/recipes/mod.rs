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

/// What the demo and the tests load into every cell.
pub(crate) const OF_THE_DEMO: &[&str] = &["busybox", "redis", "toolchain"];
