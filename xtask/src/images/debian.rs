//! Debian roots by debootstrap, from the mirror that this machine's own apt uses.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::archive::Config;
use super::layer::Layer;
use crate::{place, process};

/// The release that images are made of, whatever this machine runs.
const SUITE: &str = "bookworm";

/// What a root with these packages is made of, for the image's hash.
pub(crate) fn fingerprint(packages: &[&str]) -> String {
    format!("{SUITE} {}", packages.join(" "))
}

pub(crate) fn config() -> Config {
    let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    Config {
        env: vec![path.to_owned(), "LANG=C.UTF-8".to_owned()],
        ..Config::default()
    }
}

/// Fills a layer with a minimal Debian and the packages named, without what only people read, and without the paths that
/// `needless` names.
pub(crate) fn fill(layer: &mut Layer, packages: &[&str], needless: &[&str]) -> Result<()> {
    if !place::is_root() {
        bail!("debootstrap makes a root with many owners: run as root");
    }
    let downloads = place::cache_folder("downloads/debs")?;
    let root = place::cache_folder("images")?.join(format!("root-{}", std::process::id()));
    let made =
        bootstrap(&root, &downloads, packages).and_then(|()| layer.root(&root, |inside| is_left_out(inside, needless)));
    let removed = fs::remove_dir_all(&root).with_context(|| format!("cannot remove {}", root.display()));
    made.and(removed)
}

fn bootstrap(root: &Path, downloads: &Path, packages: &[&str]) -> Result<()> {
    let mut debootstrap = process::command("debootstrap");
    debootstrap
        .args(["--variant=minbase", "--merged-usr"])
        .arg(format!("--cache-dir={}", downloads.display()));
    if !packages.is_empty() {
        debootstrap.arg(format!("--include={}", packages.join(",")));
    }
    debootstrap.args([SUITE]).arg(root).arg(mirror()?);
    let log = root.with_extension("log");
    debootstrap
        .stdout(fs::File::create(&log)?)
        .stderr(fs::File::create(root.with_extension("errors"))?);
    let outcome = process::run(&mut debootstrap);
    let said = fs::read_to_string(&log).unwrap_or_default();
    for file in [&log, &root.with_extension("errors")] {
        fs::remove_file(file)?;
    }
    outcome.with_context(|| format!("debootstrap said at the end:\n{}", last_lines(&said, 5)))
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

/// Package caches, documents and translations: nothing that a program loads.
fn is_left_out(inside: &str, needless: &[&str]) -> bool {
    const FOLDERS: &[&str] = &[
        "dev/",
        "proc/",
        "sys/",
        "run/",
        "debootstrap",
        "var/cache/apt/",
        "var/lib/apt/lists/",
        "var/log/",
        "usr/share/man/",
        "usr/share/info/",
        "usr/share/locale/",
        "usr/share/lintian/",
    ];
    let is_document =
        inside.starts_with("usr/share/doc/") && !inside.ends_with("/copyright") && inside.matches('/').count() > 3;
    is_document || FOLDERS.iter().chain(needless).any(|prefix| inside.starts_with(prefix))
}

/// The first archive in apt's sources that is Debian's own.
pub(crate) fn mirror() -> Result<String> {
    let mut texts = vec![fs::read_to_string("/etc/apt/sources.list").unwrap_or_default()];
    if let Ok(entries) = fs::read_dir("/etc/apt/sources.list.d") {
        let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        texts.extend(paths.iter().filter_map(|path| fs::read_to_string(path).ok()));
    }
    let found = texts
        .iter()
        .flat_map(|text| archives(text))
        .find(|archive| is_debian(archive));
    found
        .with_context(|| format!("no Debian archive in /etc/apt/sources.list*: debootstrap needs one to fetch {SUITE}"))
}

/// Archives of the one-line style (`deb [options] ARCHIVE suite …`) and of the deb822 style (`URIs: ARCHIVE …`).
fn archives(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some(list) = line.strip_prefix("URIs:") {
            found.extend(list.split_whitespace().map(str::to_owned));
        } else if let Some(rest) = line.strip_prefix("deb ") {
            let rest = rest.trim_start();
            let after = if rest.starts_with('[') {
                rest.split_once(']').map_or("", |(_, after)| after)
            } else {
                rest
            };
            found.extend(after.split_whitespace().next().map(str::to_owned));
        }
    }
    found
}

fn is_debian(archive: &str) -> bool {
    let path = archive.trim_end_matches('/');
    path.ends_with("/debian") || path.contains("/archive/debian/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archives_are_read_in_both_styles() {
        let text = "# deb http://no/debian x\ndeb [signed-by=/k arch=amd64] http://one/debian bookworm main\ndeb-src http://no/x y\nURIs: http://two/debian http://three/x\n";
        assert_eq!(
            archives(text),
            ["http://one/debian", "http://two/debian", "http://three/x"]
        );
    }

    #[test]
    fn debian_is_told_from_others() {
        assert!(is_debian("http://mirror.example/debian/"));
        assert!(!is_debian("http://mirror.example/debian-security"));
        assert!(!is_debian("https://mirror.example/apt"));
    }

    #[test]
    fn what_programs_load_stays() {
        assert!(is_left_out(
            "usr/share/man/man1/ls.1.gz",
            &["usr/lib/x86_64-linux-gnu/libLLVM"]
        ));
        assert!(is_left_out(
            "usr/share/doc/bash/changelog.gz",
            &["usr/lib/x86_64-linux-gnu/libLLVM"]
        ));
        assert!(!is_left_out(
            "usr/share/doc/bash/copyright",
            &["usr/lib/x86_64-linux-gnu/libLLVM"]
        ));
        assert!(!is_left_out(
            "usr/share/doc/bash",
            &["usr/lib/x86_64-linux-gnu/libLLVM"]
        ));
        assert!(!is_left_out(
            "usr/lib/x86_64-linux-gnu/libc.so.6",
            &["usr/lib/x86_64-linux-gnu/libLLVM"]
        ));
        assert!(is_left_out(
            "usr/lib/x86_64-linux-gnu/libLLVM-14.so.1",
            &["usr/lib/x86_64-linux-gnu/libLLVM"]
        ));
        assert!(!is_left_out("dev", &["usr/lib/x86_64-linux-gnu/libLLVM"]));
    }
}
