//! Programs of this machine, taken into an image together with the libraries they load.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::layer::Layer;
use crate::process;

/// A file's path, size and time: what tells whether an image is made of the same thing as before.
pub(crate) fn identity(path: &Path) -> Result<String> {
    use std::os::unix::fs::MetadataExt;
    let meta = path
        .metadata()
        .with_context(|| format!("{} is missing", path.display()))?;
    Ok(format!("{} {} {}", path.display(), meta.size(), meta.mtime()))
}

/// A program that must be there.
pub(crate) fn require(name: &str) -> Result<PathBuf> {
    process::find(name).with_context(|| format!("the program `{name}` is missing"))
}

/// Folders that Debian joined into `/usr`, as links; everything else is then put beneath `/usr`.
pub(crate) fn merged_folders(layer: &mut Layer) -> Result<()> {
    for name in ["bin", "sbin", "lib", "lib64"] {
        layer.folder(&format!("/usr/{name}"), 0o755)?;
        layer.link(&format!("/{name}"), &format!("usr/{name}"))?;
    }
    Ok(())
}

/// Copies a program to `inside`, and beside it all libraries that it and they load.
pub(crate) fn install(layer: &mut Layer, program: &Path, inside: &str) -> Result<()> {
    layer.copy(program, inside)?;
    for library in libraries(program)? {
        layer.copy(&library, &merged(&library)?)?;
    }
    Ok(())
}

/// What the dynamic loader says it would load; nothing for a static program or a script.
fn libraries(program: &Path) -> Result<BTreeSet<PathBuf>> {
    let result = process::command("ldd")
        .arg(program)
        .output()
        .context("cannot start ldd")?;
    Ok(parse_ldd(&String::from_utf8_lossy(&result.stdout)))
}

/// Lines are `name => /path (address)` or, for the loader itself, `/path (address)`.
fn parse_ldd(printed: &str) -> BTreeSet<PathBuf> {
    let lines = printed.lines().filter_map(|line| {
        let place = line.split_once("=>").map_or(line, |(_, place)| place).trim();
        place.split_whitespace().next()
    });
    lines
        .filter(|place| place.starts_with('/'))
        .map(PathBuf::from)
        .collect()
}

/// `/lib/x` lies at `/usr/lib/x` in an image with merged folders.
fn merged(path: &Path) -> Result<String> {
    let text = path
        .to_str()
        .with_context(|| format!("{} is not UTF-8", path.display()))?;
    Ok(if text.starts_with("/usr/") {
        text.to_owned()
    } else {
        format!("/usr{text}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_read_from_what_ldd_prints() {
        let printed = "\tlinux-vdso.so.1 (0x1)\n\tlibm.so.6 => /lib/x/libm.so.6 (0x2)\n\t/lib64/ld.so.2 (0x3)\n\tgone.so => not found\n";
        let found: Vec<PathBuf> = parse_ldd(printed).into_iter().collect();
        assert_eq!(found, [Path::new("/lib/x/libm.so.6"), Path::new("/lib64/ld.so.2")]);
        assert!(parse_ldd("\tnot a dynamic executable\n").is_empty());
    }

    #[test]
    fn libraries_lie_beneath_usr() {
        assert_eq!(
            merged(Path::new("/lib/x/a.so")).expect("it is UTF-8"),
            "/usr/lib/x/a.so"
        );
        assert_eq!(
            merged(Path::new("/usr/lib/a.so")).expect("it is UTF-8"),
            "/usr/lib/a.so"
        );
    }
}
