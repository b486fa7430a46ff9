//! Images that are a Debian: bare, with a compiler, with Python.

use crate::images::archive::Config;
use crate::images::cached::Image;
use crate::images::debian;

/// The smallest Debian, for jobs and images that expect one.
pub(crate) const BARE: Image = Image {
    name: "debian",
    tag: "circle/debian:12",
    about: "Debian 12, minimal",
    revision: 1,
    inputs: || Ok(debian::fingerprint(&[])),
    fill: |layer| debian::fill(layer, &[], &[]),
    config,
};

/// For C programs that want a glibc, and their tests in Tcl.
pub(crate) const BUILDER: Image = Image {
    name: "builder",
    tag: "circle/builder:12",
    about: "Debian 12 with gcc, make and Tcl",
    revision: 1,
    inputs: || Ok(debian::fingerprint(COMPILER)),
    fill: |layer| debian::fill(layer, COMPILER, NOT_FOR_C),
    config,
};

pub(crate) const PYTHON: Image = Image {
    name: "python",
    tag: "circle/python:3",
    about: "Debian 12 with Python 3",
    revision: 1,
    inputs: || Ok(debian::fingerprint(INTERPRETER)),
    fill: |layer| debian::fill(layer, INTERPRETER, &[]),
    config,
};

/// For jobs that speak with Docker: the Python library, and compose which is made with it.
pub(crate) const COMPOSE: Image = Image {
    name: "compose",
    tag: "circle/compose:1",
    about: "Debian 12 with docker-compose and Python's docker library",
    revision: 1,
    inputs: || Ok(debian::fingerprint(CLIENTS)),
    fill: |layer| debian::fill(layer, CLIENTS, NOT_FOR_CLIENTS),
    config,
};

const CLIENTS: &[&str] = &["docker-compose", "python3-docker", "ca-certificates"];
/// `docker-compose` recommends the engine itself, which a job does not need.
const NOT_FOR_CLIENTS: &[&str] = &["usr/bin/dockerd", "usr/sbin/dockerd", "usr/bin/containerd"];
const COMPILER: &[&str] = &["gcc", "libc6-dev", "make", "pkg-config", "procps", "tcl"];
/// Link-time optimisation and sanitizers weigh as much as the compiler itself.
const NOT_FOR_C: &[&str] = &[
    "usr/lib/gcc/x86_64-linux-gnu/12/lto1",
    "usr/bin/x86_64-linux-gnu-lto-dump",
    "usr/lib/x86_64-linux-gnu/libasan",
    "usr/lib/x86_64-linux-gnu/libtsan",
    "usr/lib/x86_64-linux-gnu/liblsan",
    "usr/lib/x86_64-linux-gnu/libubsan",
    "usr/lib/x86_64-linux-gnu/libhwasan",
    "usr/lib/gcc/x86_64-linux-gnu/12/libasan",
    "usr/lib/gcc/x86_64-linux-gnu/12/libtsan",
    "usr/lib/gcc/x86_64-linux-gnu/12/liblsan",
    "usr/lib/gcc/x86_64-linux-gnu/12/libubsan",
    "usr/lib/gcc/x86_64-linux-gnu/12/libhwasan",
];
const INTERPRETER: &[&str] = &["python3", "ca-certificates"];

fn config() -> Config {
    Config {
        cmd: vec!["bash".to_owned()],
        ..debian::config()
    }
}
