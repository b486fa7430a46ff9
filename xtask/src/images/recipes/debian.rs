//! Images that are a Debian: bare, with a compiler, with Python.

use std::fs;

use anyhow::{Context, Result};

use crate::images::archive::Config;
use crate::images::cached::Image;
use crate::images::debian;
use crate::images::layer::Layer;
use crate::setup::python;
use crate::{place, process};

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
    about: "Debian 12 with docker-compose, Python's docker library and Testcontainers",
    revision: 2,
    inputs: || Ok(format!("{} {TESTCONTAINERS}", debian::fingerprint(CLIENTS))),
    fill: |layer| {
        debian::fill(layer, CLIENTS, NOT_FOR_CLIENTS)?;
        testcontainers(layer)
    },
    config,
};

/// Wheels of PyPI, beside what Debian has: they lie in a folder of their own (`PYTHONPATH`), with what they need.
const TESTCONTAINERS: &str = "testcontainers==4.15.0";
const TESTCONTAINERS_FOLDER: &str = "/opt/testcontainers";
/// Debian 12's.
const PYTHON_VERSION: &str = "3.11";

fn testcontainers(layer: &mut Layer) -> Result<()> {
    let folder = place::cache_folder("images")?.join(format!("wheels-{}", std::process::id()));
    let mut pip = process::command(python::pip()?);
    pip.args([
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-compile",
        "--only-binary=:all:",
    ])
    .args(["--python-version", PYTHON_VERSION, "--target"])
    .arg(&folder)
    .arg(TESTCONTAINERS);
    let filled = process::run(&mut pip).and_then(|()| {
        layer.folder(TESTCONTAINERS_FOLDER, 0o755)?;
        layer.tree(&folder, TESTCONTAINERS_FOLDER, |_| false)
    });
    let removed = fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()));
    filled.and(removed)
}

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
