//! `circle/worker`: what a worker needs on a host that has Docker and nothing else: a Debian with an engine, git, and the
//! tools that make a cell's network. The program itself comes along when a release was built here; a server that starts
//! workers elsewhere copies its own program in, so that both always speak the same protocol.

use std::path::PathBuf;

use anyhow::Result;

use crate::images::archive::Config;
use crate::images::cached::Image;
use crate::images::{debian, programs};
use crate::place;

/// Without the program.
pub(crate) const BASE: Image = Image {
    name: "worker-base",
    tag: "circle/worker-base:12",
    about: "Debian 12 with a Docker engine and git, for workers elsewhere",
    revision: 1,
    inputs: || Ok(debian::fingerprint(PACKAGES)),
    fill: |layer| debian::fill(layer, PACKAGES, NOT_FOR_A_DAEMON),
    config,
};

/// With the program of the release build.
pub(crate) const IMAGE: Image = Image {
    name: "worker",
    tag: "circle/worker:12",
    about: "the same with this clone's release build of circle",
    revision: 1,
    // A release that was not built yet is no fault of a list.
    inputs: || {
        let program = programs::identity(&program()?).unwrap_or_else(|_| "not built".to_owned());
        Ok(format!("{} {program}", debian::fingerprint(PACKAGES)))
    },
    fill: |layer| {
        debian::fill(layer, PACKAGES, NOT_FOR_A_DAEMON)?;
        layer.copy(&program()?, PROGRAM)
    },
    config,
};

/// Where the program lies in the image.
const PROGRAM: &str = "/usr/local/bin/circle";
const PACKAGES: &[&str] = &[
    "ca-certificates",
    "docker.io",
    "git",
    "iproute2",
    "iptables",
    "nftables",
    "procps",
    "xz-utils",
];
/// Clients and editors of packages that come along.
const NOT_FOR_A_DAEMON: &[&str] = &["usr/lib/git-core/git-daemon", "usr/share/perl/", "usr/share/zoneinfo/"];

fn program() -> Result<PathBuf> {
    Ok(place::target_folder()?.join("release/circle"))
}

fn config() -> Config {
    Config {
        entrypoint: vec![PROGRAM.to_owned(), "worker".to_owned()],
        ..debian::config()
    }
}
