//! `circle/redis:7`: the Redis server of this machine's packages, in the foreground, keeping nothing on disk.

use anyhow::Result;

use super::busybox;
use crate::images::archive::Config;
use crate::images::cached::Image;
use crate::images::layer::Layer;
use crate::images::programs;

pub(crate) const IMAGE: Image = Image {
    name: "redis",
    tag: "circle/redis:7",
    about: "Redis, listening on 6379 without a password, in memory only",
    revision: 1,
    inputs,
    fill,
    config,
};

/// One binary is server and checker; what it does is decided by the name it is called by. `redis-tools` has it under
/// the checker's name, so the server comes without a system service.
const SERVER: &str = "redis-check-rdb";

fn inputs() -> Result<String> {
    let server = programs::identity(&programs::require(SERVER)?)?;
    let base = programs::identity(&programs::require("busybox")?)?;
    Ok(format!("{server}\n{base}"))
}

fn config() -> Config {
    let entrypoint = [
        "redis-server",
        "--protected-mode",
        "no",
        "--save",
        "",
        "--appendonly",
        "no",
        "--dir",
        "/tmp",
    ];
    Config {
        entrypoint: entrypoint.map(str::to_owned).to_vec(),
        cmd: Vec::new(),
        user: "65534:65534".to_owned(),
        ..busybox::config()
    }
    .expose("6379/tcp")
}

fn fill(layer: &mut Layer) -> Result<()> {
    busybox::fill(layer)?;
    programs::install(layer, &programs::require(SERVER)?, "/usr/bin/redis-server")?;
    programs::install(layer, &programs::require("redis-cli")?, "/usr/bin/redis-cli")
}
