//! Sources from package registries, by their ordinary clients, each in its own way. What was fetched once is kept.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

use super::source::{Package, Vendor};
use crate::images::debian_mirror;
use crate::place;
use crate::process::{self, command};
use crate::setup::{self, golang, python};

/// Unpacks a package's source into `folder`, which must not exist yet. Gives back the version.
pub(crate) fn source(package: &Package, folder: &Path) -> Result<String> {
    match package {
        Package::DebianSource { name } => debian_source(name, folder),
        Package::Sdist { name, version } => sdist(name, version, folder),
        Package::GoModule { name, version } => go_module(name, version, folder),
    }
}

/// Puts wheels into `folder/vendor`.
pub(crate) fn vendor(vendor: &Vendor, folder: &Path) -> Result<()> {
    if vendor.wheels.is_empty() {
        return Ok(());
    }
    let mut pip = command(python::pip()?);
    pip.args([
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--only-binary=:all:",
    ]);
    pip.args(["--python-version", &vendor.python, "--dest"])
        .arg(folder.join("vendor"))
        .args(&vendor.wheels);
    process::run(&mut pip)
}

/// With lists of its own: the machine's apt need not know source packages, and is not told of them.
fn debian_source(name: &str, folder: &Path) -> Result<String> {
    setup::need("dpkg-source", "dpkg-dev")?;
    let apt = place::cache_folder("downloads/apt")?;
    for part in ["lists/partial", "archives/partial"] {
        fs::create_dir_all(apt.join(part))?;
    }
    let list = apt.join("sources.list");
    fs::write(&list, format!("deb-src {} bookworm main\n", debian_mirror()?))?;
    let options = [
        format!("Dir::Etc::SourceList={}", list.display()),
        "Dir::Etc::SourceParts=/dev/null".to_owned(),
        format!("Dir::State::Lists={}", apt.join("lists").display()),
        format!("Dir::Cache={}", apt.display()),
        // The sandbox user cannot write to a folder of root's; what is fetched is verified by its signature.
        "APT::Sandbox::User=root".to_owned(),
    ];
    let apt_get = || {
        let mut apt_get = command("apt-get");
        apt_get
            .arg("-qq")
            .args(options.iter().flat_map(|option| ["-o", option]));
        apt_get
    };
    process::run(apt_get().arg("update"))?;
    let downloads = fresh(&apt.join(format!("source-{name}")))?;
    process::run(
        apt_get()
            .args(["source", "--download-only", name])
            .current_dir(&downloads),
    )?;
    let control = only_file(&downloads, "dsc")?;
    process::output(command("dpkg-source").arg("--extract").arg(&control).arg(folder))?;
    let stem = control
        .file_stem()
        .and_then(|stem| stem.to_str())
        .context("the package's name is not UTF-8")?;
    Ok(stem.split_once('_').map_or(stem, |(_, version)| version).to_owned())
}

fn sdist(name: &str, version: &str, folder: &Path) -> Result<String> {
    let downloads = place::cache_folder("downloads/sdists")?.join(format!("{name}-{version}"));
    if !downloads.exists() {
        let partial = fresh(&downloads.with_extension("partial"))?;
        let mut pip = command(python::pip()?);
        pip.args([
            "download",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
            "--no-binary",
            name,
            "--dest",
        ]);
        process::run(pip.arg(&partial).arg(format!("{name}=={version}")))?;
        fs::rename(&partial, &downloads)?;
    }
    let archive = only_file(&downloads, "gz")?;
    fs::create_dir(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut tar = command("tar");
    tar.args([
        "--extract",
        "--gzip",
        "--strip-components=1",
        "--no-same-owner",
        "--directory",
    ])
    .arg(folder);
    process::run(tar.arg("--file").arg(archive))?;
    Ok(version.to_owned())
}

fn go_module(name: &str, version: &str, folder: &Path) -> Result<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Download {
        dir: PathBuf,
    }
    let go = golang::tool_chain()?.join("bin/go");
    let mut fetch = command(&go);
    fetch
        .env("GOMODCACHE", place::cache_folder("downloads/go")?)
        .env("GOTOOLCHAIN", "local")
        .env("GOFLAGS", "-modcacherw");
    // Outside any module: the version is the one asked for.
    fetch
        .current_dir(place::cache()?)
        .args(["mod", "download", "-json", &format!("{name}@{version}")]);
    let download: Download = serde_json::from_str(&process::output(&mut fetch)?).context("cannot read what go said")?;
    process::run(command("cp").arg("--recursive").arg(&download.dir).arg(folder))?;
    if folder.join("go.sum").exists() {
        let mut vendor = command(&go);
        vendor
            .env("GOMODCACHE", place::cache_folder("downloads/go")?)
            .env("GOTOOLCHAIN", "local");
        process::run(vendor.current_dir(folder).args(["mod", "vendor"]))?;
    }
    Ok(version.to_owned())
}

/// An empty folder, whatever was there.
fn fresh(folder: &Path) -> Result<PathBuf> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder.to_path_buf())
}

fn only_file(folder: &Path, extension: &str) -> Result<PathBuf> {
    let entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    let mut paths = entries.iter().map(fs::DirEntry::path);
    let found = paths.find(|path| path.extension().is_some_and(|found| found == extension));
    found.with_context(|| format!("no .{extension} file came to {}", folder.display()))
}
