//! The emulated machine: an initial root of busybox and a few modules, a disk in a file, and a word at the end.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail, ensure};

use super::kernel::Kernel;
use crate::place;
use crate::process::{self, command};

/// What the guest needs before it has a root.
const MODULES: [&str; 4] = ["virtio_pci", "9pnet_virtio", "9p", "overlay"];
const DISK_BYTES: u64 = 20 << 30;
/// Printed by the guest when every suite has passed.
const PASSED: &str = "cgroup2: every suite passed";

/// Boots, runs the programs one after the other, shows what they print.
pub(super) fn boot(kernel: &Kernel, programs: &[PathBuf]) -> Result<()> {
    let folder = place::cache_folder("cgroup2/machine")?;
    let initial = initial_root(kernel, &folder)?;
    let disk = folder.join("disk");
    let _ = fs::remove_file(&disk);
    fs::File::create(&disk)?.set_len(DISK_BYTES)?;
    let script = folder.join("guest.sh");
    fs::write(&script, include_str!("guest.sh"))?;
    let list = programs
        .iter()
        .map(|program| format!("{}\n", program.display()))
        .collect::<String>();
    fs::write(folder.join("suites"), list)?;
    let share = |path: &Path, tag: &str| {
        format!(
            "local,path={},mount_tag={tag},security_model=none,readonly=on,multidevs=remap",
            path.display()
        )
    };
    let append = format!("console=ttyS0 quiet panic=-1 circle.script={}", script.display());
    let mut qemu = command("qemu-system-x86_64");
    qemu.args([
        "-accel",
        "tcg,thread=single",
        "-icount",
        "shift=0",
        "-cpu",
        "max",
        "-m",
        "3072",
    ])
    .args(["-nographic", "-no-reboot", "-append", &append])
    .arg("-kernel")
    .arg(&kernel.image)
    .arg("-initrd")
    .arg(initial)
    .args([
        "-virtfs",
        &share(Path::new("/"), "host"),
        "-virtfs",
        &share(&kernel.root.join("lib/modules"), "modules"),
    ])
    .args([
        "-drive",
        &format!("file={},format=raw,if=virtio,cache=unsafe", disk.display()),
    ]);
    let passed = watch(qemu.stdout(Stdio::piped()));
    fs::remove_file(&disk)?;
    ensure!(
        passed?,
        "a suite failed on cgroup version 2, or the machine did not come up"
    );
    Ok(())
}

fn watch(qemu: &mut std::process::Command) -> Result<bool> {
    let mut machine = qemu.spawn().context("cannot start qemu-system-x86_64")?;
    let Some(console) = machine.stdout.take() else {
        bail!("the machine has no console")
    };
    let mut passed = false;
    for line in BufReader::new(console).split(b'\n') {
        let line = String::from_utf8_lossy(&line?).into_owned();
        passed |= line.trim_end() == PASSED;
        println!("{}", line.trim_end());
    }
    Ok(machine.wait()?.success() && passed)
}

/// A cpio of busybox, the modules in the order in which they need each other, and the script that mounts the real root.
fn initial_root(kernel: &Kernel, folder: &Path) -> Result<PathBuf> {
    let root = folder.join("initial");
    let _ = fs::remove_dir_all(&root);
    for name in ["bin", "proc", "sys", "dev", "host", "modules", "layer", "root", "m"] {
        fs::create_dir_all(root.join(name))?;
    }
    let busybox = process::find("busybox").context("busybox is not installed")?;
    fs::copy(busybox, root.join("bin/busybox"))?;
    fs::write(root.join("init"), include_str!("init.sh"))?;
    fs::set_permissions(root.join("init"), fs::Permissions::from_mode(0o755))?;
    let mut number = 0;
    let mut copied = Vec::new();
    for module in MODULES {
        let list = ["-S", &kernel.version, "--show-depends", module];
        let list = process::output(command("modprobe").arg("-d").arg(&kernel.root).args(list))?;
        for file in list
            .lines()
            .filter_map(|line| line.strip_prefix("insmod "))
            .map(str::trim)
        {
            if !copied.contains(&file.to_owned()) {
                number += 1;
                fs::copy(file, root.join(format!("m/{number:02}")))?;
                copied.push(file.to_owned());
            }
        }
    }
    let archive = folder.join("initial.cpio");
    let pack = format!(
        "cd '{}' && find . | busybox cpio -o -H newc > '{}'",
        root.display(),
        archive.display()
    );
    process::output(command("sh").args(["-ec", &pack]))?;
    Ok(archive)
}
