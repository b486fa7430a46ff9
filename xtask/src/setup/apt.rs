//! Debian packages, installed without starting the services that come with some of them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::{place, process};

/// Installs packages; refreshes apt's lists only when there are none or when they turn out to be too old.
pub(crate) fn install(packages: &[&str]) -> Result<()> {
    if packages.is_empty() {
        return Ok(());
    }
    let names = packages.join(" ");
    if process::find("apt-get").is_none() {
        bail!(
            "this machine lacks {names}, and has no apt-get: install what these Debian packages hold, then run again"
        );
    }
    if !place::is_root() {
        bail!("this machine lacks {names}: run `make setup` as root once, or install them");
    }
    println!("setup: installing {names}");
    let _no_services = NoServices::begin()?;
    if !has_lists() {
        update()?;
        return get(packages);
    }
    if get(packages).is_err() {
        println!("setup: apt's lists may be old, refreshing them");
        update()?;
        get(packages)?;
    }
    Ok(())
}

fn get(packages: &[&str]) -> Result<()> {
    let mut apt = process::command("apt-get");
    apt.args([
        "install",
        "-y",
        "-qq",
        "--no-install-recommends",
        "-o=Dpkg::Use-Pty=0",
        "-o=DPkg::Lock::Timeout=120",
    ]);
    apt.args(packages).env("DEBIAN_FRONTEND", "noninteractive");
    process::run(&mut apt)
}

fn update() -> Result<()> {
    process::run(process::command("apt-get").args(["update", "-qq"]))
}

fn has_lists() -> bool {
    let Ok(entries) = fs::read_dir("/var/lib/apt/lists") else {
        return false;
    };
    entries
        .flatten()
        .any(|entry| entry.file_name().to_string_lossy().contains("_Packages"))
}

const POLICY: &str = "/usr/sbin/policy-rc.d";
const POLICY_TEXT: &str =
    "#!/bin/sh\n# Put here by Circle's setup while it installs packages; it removes this file again.\nexit 101\n";

/// While it lives, no package starts a service: Circle wants binaries, not daemons. A policy that the machine
/// already has stays; one that an interrupted setup left is taken over and removed.
struct NoServices {
    ours: bool,
}

impl NoServices {
    fn begin() -> Result<Self> {
        let policy = Path::new(POLICY);
        let ours = match fs::read_to_string(policy) {
            Ok(text) => text == POLICY_TEXT,
            Err(_) => {
                fs::write(policy, POLICY_TEXT).with_context(|| format!("cannot write {POLICY}"))?;
                fs::set_permissions(policy, fs::Permissions::from_mode(0o755))?;
                true
            }
        };
        Ok(Self { ours })
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.ours
            && let Err(error) = fs::remove_file(POLICY)
        {
            eprintln!("setup: {POLICY} could not be removed ({error}): remove it, or services will not start");
        }
    }
}
