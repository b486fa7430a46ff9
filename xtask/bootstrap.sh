#!/bin/sh
# What must be there before xtask itself can be compiled: a Rust tool chain and a C linker. All else is `cargo xtask setup`.
set -eu
cd "$(dirname "$0")/.."

if ! command -v cargo >/dev/null; then
    echo "circle: no cargo in PATH: install Rust $(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml) or newer, then run this again." >&2
    exit 1
fi
if ! command -v cc >/dev/null; then
    if [ "$(id -u)" != 0 ]; then
        echo "circle: no C linker: run as root once, or install gcc and libc6-dev." >&2
        exit 1
    fi
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends gcc libc6-dev
fi
exec cargo xtask "$@"
