//! `circle/busybox:1`: a shell and the small tools, two megabytes. The base of the images beside it.

use anyhow::Result;

use crate::images::archive::Config;
use crate::images::cached::Image;
use crate::images::layer::Layer;
use crate::images::programs;
use crate::process;

pub(crate) const IMAGE: Image = Image {
    name: "busybox",
    tag: "circle/busybox:1",
    about: "a static busybox with all its applets",
    revision: 1,
    inputs: || programs::identity(&programs::require("busybox")?),
    fill,
    config,
};

const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n";
const GROUP: &str = "root:x:0:\nnogroup:x:65534:\n";

pub(crate) fn config() -> Config {
    Config {
        env: vec!["PATH=/usr/local/bin:/usr/bin:/bin".to_owned()],
        cmd: vec!["sh".to_owned()],
        ..Config::default()
    }
}

pub(crate) fn fill(layer: &mut Layer) -> Result<()> {
    programs::merged_folders(layer)?;
    let busybox = programs::require("busybox")?;
    layer.copy(&busybox, "/usr/bin/busybox")?;
    for applet in process::output(process::command(&busybox).arg("--list"))?.lines() {
        if applet != "busybox" {
            layer.link(&format!("/usr/bin/{applet}"), "busybox")?;
        }
    }
    layer.folder("/root", 0o700)?;
    layer.folder("/tmp", 0o1777)?;
    layer.folder("/var/tmp", 0o1777)?;
    layer.file("/etc/passwd", 0o644, PASSWD.as_bytes())?;
    layer.file("/etc/group", 0o644, GROUP.as_bytes())
}
