//! Embeds the web page that `cargo xtask web` has built: every file of its folder becomes a constant, as it is and
//! compressed. Without that folder the server is built without its page, and says so where the page would be.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-env-changed=CIRCLE_WEB_DIST");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("cargo sets OUT_DIR"))?);
    let mut files = Vec::new();
    if let Some(folder) = folder() {
        println!("cargo::rerun-if-changed={}", folder.display());
        collect(&folder, &folder, &mut files)?;
    }
    files.sort();
    let mut table = String::from("&[\n");
    for (number, (name, path)) in files.iter().enumerate() {
        let packed = out.join(format!("asset-{number}.gz"));
        let mut encoder = GzEncoder::new(fs::File::create(&packed)?, Compression::best());
        encoder.write_all(&fs::read(path)?)?;
        encoder.finish()?;
        table += &format!(
            "    Asset {{ name: {name:?}, plain: include_bytes!({:?}), packed: include_bytes!({:?}) }},\n",
            path.display().to_string(),
            packed.display().to_string(),
        );
    }
    table += "]\n";
    fs::write(out.join("assets.rs"), table)
}

/// `CIRCLE_WEB_DIST`, or where the chore puts it in the user's cache folder.
fn folder() -> Option<PathBuf> {
    if let Some(chosen) = env::var_os("CIRCLE_WEB_DIST") {
        return Some(PathBuf::from(chosen));
    }
    let cache = env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cache")))?;
    Some(cache.join("circle/web/dist"))
}

fn collect(top: &Path, folder: &Path, files: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Ok(());
    };
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            collect(top, &path, files)?;
        } else if let Ok(name) = path.strip_prefix(top) {
            files.push((name.display().to_string(), path.clone()));
        }
    }
    Ok(())
}
