//! The smallest image that can do something: one static busybox with a link for each of its applets.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};

/// The archive of `busybox:test`, made once for each run of a test program.
pub(crate) fn busybox() -> PathBuf {
    static ARCHIVE: OnceLock<PathBuf> = OnceLock::new();
    ARCHIVE
        .get_or_init(|| {
            let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("busybox-{}.tar", std::process::id()));
            fs::create_dir_all(env!("CARGO_TARGET_TMPDIR")).expect("a folder for the image");
            fs::write(&path, archive(&layer())).expect("the archive");
            path
        })
        .clone()
}

fn layer() -> Vec<u8> {
    let program = fs::read("/usr/bin/busybox").expect("busybox-static is installed");
    let applets = Command::new("/usr/bin/busybox")
        .arg("--list")
        .output()
        .expect("busybox runs")
        .stdout;
    let mut tar = Builder::new(Vec::new());
    for (folder, mode) in [("bin/", 0o755), ("etc/", 0o755), ("tmp/", 0o1777)] {
        put(&mut tar, folder, EntryType::Directory, (mode, &[]));
    }
    put(&mut tar, "bin/busybox", EntryType::Regular, (0o755, &program));
    put(
        &mut tar,
        "etc/passwd",
        EntryType::Regular,
        (0o644, b"root:x:0:0::/:/bin/sh\nuser:x:1000:1000::/:/bin/sh\n"),
    );
    for applet in String::from_utf8(applets)
        .expect("text")
        .lines()
        .filter(|name| *name != "busybox")
    {
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Symlink);
        header.set_size(0);
        header.set_mode(0o777);
        tar.append_link(&mut header, format!("bin/{applet}"), "busybox")
            .expect("a link");
    }
    tar.into_inner().expect("a layer")
}

fn archive(layer: &[u8]) -> Vec<u8> {
    let config = format!(
        r#"{{"architecture":"amd64","os":"linux","config":{{"Env":["PATH=/bin"],"Cmd":["sh"]}},"rootfs":{{"type":"layers","diff_ids":["sha256:{}"]}}}}"#,
        hex::encode(Sha256::digest(layer))
    );
    let name = format!("{}.json", hex::encode(Sha256::digest(config.as_bytes())));
    let manifest = format!(r#"[{{"Config":"{name}","RepoTags":["busybox:test"],"Layers":["layer.tar"]}}]"#);
    let mut tar = Builder::new(Vec::new());
    for (path, content) in [
        (name.as_str(), config.as_bytes()),
        ("layer.tar", layer),
        ("manifest.json", manifest.as_bytes()),
    ] {
        put(&mut tar, path, EntryType::Regular, (0o644, content));
    }
    tar.into_inner().expect("an archive")
}

fn put(tar: &mut Builder<Vec<u8>>, path: &str, kind: EntryType, (mode, content): (u32, &[u8])) {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(content.len() as u64);
    header.set_mode(mode);
    tar.append_data(&mut header, path, content).expect("an entry");
}
