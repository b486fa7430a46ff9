//! The few files of `/etc` that a daemon and its helpers read. Nothing that names a user of the host, no private key.

use std::fs;
use std::path::Path;

use nix::mount::{MsFlags, mount};

use super::order::Enter;
use super::tools::{Outcome, bind_read_only, make_folder, write};

/// The user whose range of ids the containers are mapped to.
pub(crate) const REMAP_USER: &str = "circle-cell";
/// Copied when the host has them: how names are looked up, where libraries lie.
const COPIED: [&str; 7] = [
    "nsswitch.conf",
    "ld.so.cache",
    "ld.so.conf",
    "protocols",
    "services",
    "localtime",
    "gai.conf",
];
/// Shown when the host has them: trusted certificates (never `ssl/private`), and which program a name stands for.
const SHOWN: [&str; 6] = [
    "alternatives",
    "ssl/certs",
    "ssl/openssl.cnf",
    "pki/ca-trust",
    "pki/tls/certs",
    "ca-certificates",
];

/// The certificates that programs trust.
const BUNDLE: &str = "ssl/certs/ca-certificates.crt";

pub(super) fn make_etc(root: &Path, orders: &Enter) -> Outcome {
    let etc = root.join("etc");
    make_folder(&etc)?;
    make_users(&etc, orders.remap)?;
    write(&etc.join("hostname"), &format!("{}\n", orders.hostname))?;
    write(
        &etc.join("hosts"),
        &format!("127.0.0.1 localhost\n::1 localhost\n127.0.1.1 {}\n", orders.hostname),
    )?;
    show_shared(&etc)?;
    match &orders.certificates {
        Some(bundle) => cover(bundle, &etc.join(BUNDLE)),
        None => Ok(()),
    }
}

/// The users and groups that are known, and whom the containers' users are mapped to.
pub(super) fn make_users(etc: &Path, (first, count): (u32, u32)) -> Outcome {
    write(&etc.join("passwd"), &passwd(first))?;
    write(
        &etc.join("group"),
        &format!("root:x:0:\nnogroup:x:65534:\n{REMAP_USER}:x:{first}:\n"),
    )?;
    write(&etc.join("subuid"), &format!("{REMAP_USER}:{first}:{count}\n"))?;
    write(&etc.join("subgid"), &format!("{REMAP_USER}:{first}:{count}\n"))
}

/// Lets a bundle take the place of the one that programs trust.
pub(super) fn trust_instead(bundle: &Path, etc: &Path) -> Outcome {
    cover(bundle, &etc.join(BUNDLE))
}

/// Shows a file in the place of another, which is there.
fn cover(file: &Path, place: &Path) -> Outcome {
    mount(Some(file), place, None::<&str>, MsFlags::MS_BIND, None::<&str>)
        .map_err(|error| format!("show {} at {}: {error}", file.display(), place.display()))
}

fn passwd(first: u32) -> String {
    format!(
        "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n\
         {REMAP_USER}:x:{first}:{first}:root of the containers:/nonexistent:/usr/sbin/nologin\n"
    )
}

/// What every process may see of the host's `/etc`.
pub(super) fn show_shared(etc: &Path) -> Outcome {
    make_folder(etc)?;
    for name in COPIED {
        if let Ok(content) = fs::read(Path::new("/etc").join(name)) {
            fs::write(etc.join(name), content).map_err(|error| format!("copy /etc/{name}: {error}"))?;
        }
    }
    for name in SHOWN {
        let source = Path::new("/etc").join(name);
        if source.exists() {
            bind_read_only(&source, &etc.join(name))?;
        }
    }
    Ok(())
}
