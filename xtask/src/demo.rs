//! `cargo xtask demo`: set up, make the images beside the compile, then let `circle demo` play.

use std::path::PathBuf;
use std::thread;

use anyhow::{Context, Result, bail};

use crate::process::{self, command};
use crate::{images, place, setup, web};

/// The images that the sample repository names, and the one that its image is built from.
const IMAGES: &[&str] = &["busybox", "redis", "toolchain"];
/// Quick to compile, quick enough to run; see `Cargo.toml`.
const PROFILE: &str = "demo";

/// Arguments go on to `circle demo`.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    if !place::is_root() {
        bail!("the demo makes cells, which needs root: run `sudo make demo`");
    }
    setup::for_demo()?;
    // The demo shows its end in the terminal: without the page it is still whole.
    if let Err(error) = web::ensure() {
        println!("web: the page could not be built, going on without it: {error:#}");
    }
    // Packages are unpacked while the compiler works: both take minutes on a fresh machine.
    let making = thread::spawn(|| images::ensure(IMAGES));
    let compiled = process::run(command("cargo").args([
        "build",
        "--quiet",
        "--locked",
        "--profile",
        PROFILE,
        "--package",
        "circle-cli",
    ]));
    let made = making.join().unwrap_or_else(|_| bail!("making the images broke off"));
    compiled?;
    made?;
    let mut demo = command(program()?);
    demo.arg("demo")
        .arg("--sample")
        .arg(place::root().join("examples/hello-redis"));
    for name in IMAGES {
        demo.arg("--image").arg(images::path(name)?);
    }
    process::run(demo.args(arguments))
}

fn program() -> Result<PathBuf> {
    let folder = place::target_folder()?.join(PROFILE);
    let program = folder.join("circle");
    program
        .is_file()
        .then_some(program)
        .with_context(|| format!("no program in {}", folder.display()))
}
