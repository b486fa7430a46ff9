//! `cargo xtask test-cgroup2 [TEST]…`: the suites of cells, and how a worker names their bounds, on a kernel with cgroup version 2, whatever this machine has.
//!
//! A Debian kernel boots in an emulated machine whose root is this machine's own, read-only, beneath a layer in memory: nothing is
//! installed in it, and its programs are those that were just built. The machine counts instructions for time, so a busy host
//! makes it slow but never late.

mod kernel;
mod machine;
mod suites;

use anyhow::{Result, bail};

use crate::{place, setup};

/// What is run when nothing is named: one life, every death, the bounds, and what a run says about them.
const SUITES: [&str; 4] = ["life", "death", "bounds", "circle-worker/bounds"];

pub(crate) fn run(arguments: &[String]) -> Result<()> {
    if !place::is_root() {
        bail!("the emulated machine reads the whole of this one: run as root");
    }
    setup::run()?;
    setup::need("qemu-system-x86_64", "qemu-system-x86")?;
    setup::need("depmod", "kmod")?;
    let wanted = match arguments {
        [] => SUITES.map(str::to_owned).to_vec(),
        named => named.to_vec(),
    };
    let kernel = kernel::fetch()?;
    let programs = suites::build(&wanted)?;
    machine::boot(&kernel, &programs)
}
