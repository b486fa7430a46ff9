//! `circle/toolchain:1`: a C compiler that links against musl, with make. Small enough to be loaded into every cell, and
//! what it compiles needs nothing but a kernel.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::busybox;
use crate::images::archive::Config;
use crate::images::cached::Image;
use crate::images::layer::Layer;
use crate::images::programs;
use crate::process;

pub(crate) const IMAGE: Image = Image {
    name: "toolchain",
    tag: "circle/toolchain:1",
    about: "gcc with musl, for static programs, and make",
    revision: 2,
    inputs,
    fill,
    config,
};

/// Called by these names in the image; the compiler itself is `cc`, a wrapper for musl.
const PROGRAMS: &[&str] = &["gcc", "as", "ld", "ar", "nm", "ranlib", "strip", "make"];
/// Parts of gcc beside its own library folder; the plug-in is asked for whenever it links.
const PARTS: &[&str] = &["cc1", "collect2", "lto-wrapper"];
const OBJECTS: &[&str] = &[
    "libgcc.a",
    "libgcc_eh.a",
    "crtbegin.o",
    "crtbeginS.o",
    "crtbeginT.o",
    "crtend.o",
    "crtendS.o",
    "liblto_plugin.so",
];

fn inputs() -> Result<String> {
    let mut files = vec![
        programs::require("busybox")?,
        programs::require("make")?,
        compiler_part("cc1")?,
    ];
    files.extend(musl_files()?.into_iter().filter(|path| path.ends_with("libc.a")));
    let identities: Result<Vec<String>> = files.iter().map(|path| programs::identity(path)).collect();
    Ok(identities?.join("\n"))
}

fn config() -> Config {
    Config {
        working_dir: "/workspace".to_owned(),
        ..busybox::config()
    }
}

fn fill(layer: &mut Layer) -> Result<()> {
    // Before busybox: it would take the names of `ar` and `strip`, which it knows less well.
    programs::merged_folders(layer)?;
    for name in PROGRAMS {
        programs::install(layer, &programs::require(name)?, &format!("/usr/bin/{name}"))?;
    }
    for name in PARTS {
        let part = compiler_part(name)?;
        programs::install(layer, &part, path_text(&part)?)?;
    }
    for name in OBJECTS {
        let object = compiler_file(name)?;
        layer.copy(&object, path_text(&object)?)?;
    }
    let headers = compiler_file("include")?;
    layer.tree(&headers, path_text(&headers)?, |_| false)?;
    for file in musl_files()? {
        layer.copy(&file, path_text(&file)?)?;
    }
    layer.link("/usr/bin/cc", "musl-gcc")?;
    // The wrapper calls the compiler by its full name.
    let triple = process::output(process::command("gcc").arg("-dumpmachine"))?;
    layer.link(&format!("/usr/bin/{}-gcc", triple.trim()), "gcc")?;
    layer.folder("/workspace", 0o755)?;
    busybox::fill(layer)
}

/// Where gcc keeps a program of its own.
fn compiler_part(name: &str) -> Result<PathBuf> {
    ask_gcc(&format!("-print-prog-name={name}"))
}

/// Where gcc keeps a file of its own.
fn compiler_file(name: &str) -> Result<PathBuf> {
    ask_gcc(&format!("-print-file-name={name}"))
}

fn ask_gcc(question: &str) -> Result<PathBuf> {
    let printed = process::output(process::command("gcc").arg(question))?;
    let path = Path::new(printed.trim());
    path.canonicalize()
        .with_context(|| format!("gcc {question} names {}, which is not there", path.display()))
}

/// The files of Debian's musl: headers, libraries, and the wrapper that makes gcc use them.
fn musl_files() -> Result<Vec<PathBuf>> {
    let listed = process::output(process::command("dpkg-query").args(["--listfiles", "musl-dev", "musl-tools"]))?;
    let wanted = listed
        .lines()
        .filter(|path| !path.starts_with("/usr/share/"))
        .map(PathBuf::from);
    Ok(wanted.filter(|path| path.is_file()).collect())
}

fn path_text(path: &Path) -> Result<&str> {
    path.to_str()
        .with_context(|| format!("{} is not UTF-8", path.display()))
}
