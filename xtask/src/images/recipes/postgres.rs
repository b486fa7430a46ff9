//! `circle/postgres:15`: PostgreSQL of Debian 12. The superuser is `postgres`; its password is in `POSTGRES_PASSWORD`.

use anyhow::Result;

use crate::images::archive::Config;
use crate::images::cached::Image;
use crate::images::debian;
use crate::images::layer::Layer;

pub(crate) const IMAGE: Image = Image {
    name: "postgres",
    tag: "circle/postgres:15",
    about: "Debian 12 with PostgreSQL, for tests: it does not wait for the disk",
    revision: 2,
    inputs: || Ok(debian::fingerprint(PACKAGES)),
    fill,
    config,
};

const PACKAGES: &[&str] = &["postgresql"];
/// Compiling queries takes LLVM, two thirds of the image; without its library the server interprets them.
/// The cluster that the package makes is not the one that the container uses.
const NEEDLESS: &[&str] = &[
    "usr/lib/x86_64-linux-gnu/libLLVM",
    "usr/lib/llvm",
    "usr/lib/postgresql/15/lib/bitcode",
    "usr/lib/postgresql/15/lib/llvmjit",
    "var/lib/postgresql/15/main",
];

/// The server listens only when the cluster is whole, so an open port means ready.
const START: &str = r#"#!/bin/sh
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    umask 077
    printf '%s' "${POSTGRES_PASSWORD:?must say the password of postgres}" >/tmp/password
    initdb --username=postgres --pwfile=/tmp/password --auth-host=scram-sha-256 --auth-local=trust --encoding=UTF8 --no-sync
    rm /tmp/password
    echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
fi
exec postgres -c listen_addresses='*' -c unix_socket_directories=/tmp -c fsync=off "$@"
"#;

fn config() -> Config {
    let path = "PATH=/usr/lib/postgresql/15/bin:/usr/local/bin:/usr/bin:/bin";
    Config {
        env: vec![
            path.to_owned(),
            "LANG=C.UTF-8".to_owned(),
            "PGDATA=/var/lib/postgresql/data".to_owned(),
        ],
        entrypoint: vec!["/usr/local/bin/start-postgres".to_owned()],
        user: "postgres".to_owned(),
        ..Config::default()
    }
    .expose("5432/tcp")
}

fn fill(layer: &mut Layer) -> Result<()> {
    debian::fill(layer, PACKAGES, NEEDLESS)?;
    layer.file("/usr/local/bin/start-postgres", 0o755, START.as_bytes())
}
