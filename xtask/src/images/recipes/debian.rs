//! `circle/debian:12`: the smallest Debian, for jobs that expect one.

use crate::images::archive::Config;
use crate::images::cached::Image;
use crate::images::debian;

pub(crate) const IMAGE: Image = Image {
    name: "debian",
    tag: "circle/debian:12",
    about: "Debian 12, minimal, made by debootstrap",
    revision: 1,
    inputs: || Ok(debian::fingerprint(&[])),
    fill: |layer| debian::fill(layer, &[]),
    config,
};

fn config() -> Config {
    Config {
        cmd: vec!["bash".to_owned()],
        ..debian::config()
    }
}
