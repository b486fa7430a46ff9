//! Debian's kernel with its modules, unpacked beside the images and installed nowhere.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::place;
use crate::process::{self, command};

/// The package that depends on the newest kernel.
const LATEST: &str = "linux-image-amd64";

/// A kernel that was unpacked.
pub(super) struct Kernel {
    pub(super) image: PathBuf,
    /// The folder that holds `lib/modules`.
    pub(super) root: PathBuf,
    pub(super) version: String,
}

/// Downloads the kernel with apt when it is not there yet.
pub(super) fn fetch() -> Result<Kernel> {
    let depends = process::output(command("apt-cache").args(["depends", LATEST]))?;
    let package = depends.lines().find_map(|line| line.trim().strip_prefix("Depends: "));
    let package = package.with_context(|| format!("apt knows no {LATEST}: refresh its lists with apt-get update"))?;
    let root = place::cache_folder("cgroup2")?.join(package);
    if !root.exists() {
        unpack(package, &root)?;
    }
    let version = only_entry(&root.join("lib/modules"))?;
    Ok(Kernel {
        image: root.join("boot").join(format!("vmlinuz-{version}")),
        root,
        version,
    })
}

fn unpack(package: &str, root: &Path) -> Result<()> {
    // The package's name has dots of its own.
    let folder = PathBuf::from(format!("{}.part", root.display()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    process::run(
        command("apt-get")
            .current_dir(&folder)
            .args(["download", "-qq", package]),
    )?;
    let archive = only_entry(&folder)?;
    process::run(command("dpkg-deb").arg("-x").arg(folder.join(&archive)).arg(&folder))?;
    fs::remove_file(folder.join(&archive))?;
    let version = only_entry(&folder.join("lib/modules"))?;
    process::run(command("depmod").arg("-b").arg(&folder).arg(&version))?;
    fs::rename(&folder, root).with_context(|| format!("cannot make {}", root.display()))
}

fn only_entry(folder: &Path) -> Result<String> {
    let mut entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let entry = entries
        .next()
        .with_context(|| format!("{} is empty", folder.display()))??;
    Ok(entry.file_name().to_string_lossy().into_owned())
}
