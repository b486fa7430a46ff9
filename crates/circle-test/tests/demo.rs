//! The demo as a newcomer plays it: to its end, and with one sentence where it cannot.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Output, Stdio};

use anyhow::{Context, Result};
use circle_lab::free_port;
use circle_test::{image, program};
use tokio::process::Command;

/// The sample repository of this clone.
const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/hello-redis");

fn demo(port: u16) -> Result<Command> {
    let mut command = Command::new(program("circle")?);
    command.args(["demo", "--sample", SAMPLE, "--port", &port.to_string()]);
    for name in ["busybox", "redis", "toolchain"] {
        command.arg("--image").arg(image(name)?);
    }
    Ok(command)
}

/// How a demo ended, and the folders that are left of it: their names have its process's number.
async fn played(mut demo: Command) -> Result<(Output, Vec<String>)> {
    let demo = demo.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let own = format!("circle-demo-{}-", demo.id().context("it runs")?);
    let output = demo.wait_with_output().await?;
    let names = std::fs::read_dir("/var/tmp")?
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned());
    Ok((output, names.filter(|name| name.starts_with(&own)).collect()))
}

fn said(output: &Output) -> String {
    let both = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8_lossy(&both).into_owned()
}

#[tokio::test]
async fn the_demo_plays_to_its_end_and_takes_everything_down() -> Result<()> {
    let port = free_port()?;
    let (output, left) = played(demo(port)?).await?;
    let said = said(&output);
    assert!(output.status.success(), "{said}");
    for part in [
        "the deployed service answers: hello from commit",
        "rolled back",
        "the old version answers: hello from commit",
        "0 without an answer",
        "cancelled and dead",
        "Where the time went",
    ] {
        assert!(said.contains(part), "no \"{part}\" in:\n{said}");
    }
    assert_eq!(left, Vec::<String>::new(), "the demo's folder is gone");
    TcpListener::bind(("127.0.0.1", port)).context("its port is free again")?;
    Ok(())
}

#[tokio::test]
async fn a_taken_port_is_one_sentence_that_says_what_to_do() -> Result<()> {
    let taken = TcpListener::bind(("127.0.0.1", 0))?;
    let port = taken.local_addr()?.port();
    let output = demo(port)?.output().await?;
    let said = said(&output);
    assert!(!output.status.success(), "{said}");
    assert_eq!(said.trim().lines().count(), 1, "one sentence: {said}");
    assert!(said.contains(&port.to_string()) && said.contains("--port"), "{said}");
    Ok(())
}

#[tokio::test]
async fn without_root_it_is_one_sentence_too() -> Result<()> {
    // The program as a plain user can reach it: a test's folder may be closed to others.
    let folder = tempfile::tempdir_in("/var/tmp")?;
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(folder.path(), open)?;
    let copy = folder.path().join("circle");
    std::fs::copy(program("circle")?, &copy)?;
    let output = Command::new("setpriv")
        .args(["--reuid", "65534", "--regid", "65534", "--clear-groups"])
        .arg(&copy)
        .args(["demo", "--sample", "/nowhere", "--image", "/nowhere"])
        .current_dir(Path::new("/"))
        .output()
        .await?;
    let said = said(&output);
    assert!(!output.status.success(), "{said}");
    assert_eq!(said.trim().lines().count(), 1, "one sentence: {said}");
    assert!(said.contains("root"), "{said}");
    Ok(())
}

/// The demo in a mount namespace of its own, after a change to what it sees of the kernel.
async fn demo_after(change: &str) -> Result<(Output, Vec<String>)> {
    let demo = demo(free_port()?)?;
    let (demo, script) = (demo.as_std(), format!("{change} && exec \"$@\""));
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "sh", "-c", &script, "demo"])
        .arg(demo.get_program())
        .args(demo.get_args());
    played(command).await
}

#[tokio::test]
async fn without_support_of_the_kernel_it_is_one_sentence_and_nothing_is_left() -> Result<()> {
    let no_overlay = "grep -v overlay /proc/filesystems >/run/list && mount --bind /run/list /proc/filesystems";
    // `/run` of the namespace only, so that no file is left here either.
    let no_overlay = format!("mount -t tmpfs none /run && {no_overlay}");
    for (change, cause, advice) in [
        (no_overlay.as_str(), "overlayfs", "modprobe overlay"),
        ("umount --recursive --lazy /sys/fs/cgroup", "cgroup", "Mount cgroups"),
    ] {
        let (output, left) = demo_after(change).await?;
        let said = said(&output);
        assert!(!output.status.success(), "{said}");
        assert_eq!(said.trim().lines().count(), 1, "one sentence: {said}");
        assert!(said.contains(cause) && said.contains(advice), "{said}");
        assert_eq!(left, Vec::<String>::new(), "a folder was left");
    }
    Ok(())
}
