//! The tar that `docker load` takes: a manifest, a configuration and one layer (the "docker-archive" of image-spec v1.2).

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use serde::Serialize;
use serde_json::json;

use crate::process;

/// Raised when what is written here changes, so that no older tar is taken for a current one.
pub(crate) const FORMAT: &str = "docker-archive 1";

/// What a container of the image does when nothing else is said.
#[derive(Default, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Config {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) env: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) entrypoint: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) cmd: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) user: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) working_dir: String,
    #[serde(skip_serializing_if = "serde_json::Map::is_empty")]
    pub(crate) exposed_ports: serde_json::Map<String, serde_json::Value>,
}

impl Config {
    pub(crate) fn expose(mut self, port: &str) -> Self {
        self.exposed_ports.insert(port.to_owned(), json!({}));
        self
    }
}

/// Writes the archive of an image with the layer at `layer`.
pub(crate) fn write(path: &Path, tag: &str, layer: &Path, config: Config) -> Result<()> {
    let layer_digest = sha256_of_file(layer)?;
    let config = json!({
        "architecture": architecture()?,
        "os": "linux",
        // A fixed time: the same content gives the same image id.
        "created": "2020-01-01T00:00:00Z",
        "config": config,
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{layer_digest}")] },
        "history": [{ "created": "2020-01-01T00:00:00Z", "created_by": "cargo xtask images" }],
    })
    .to_string();
    let config_name = format!("{}.json", sha256_of_text(&config)?);
    let layer_name = format!("{layer_digest}/layer.tar");
    let manifest = json!([{ "Config": config_name, "RepoTags": [tag], "Layers": [layer_name] }]).to_string();

    let file = File::create(path).with_context(|| format!("cannot make {}", path.display()))?;
    let mut tar = tar::Builder::new(BufWriter::new(file));
    append(&mut tar, "manifest.json", manifest.len() as u64, manifest.as_bytes())?;
    append(&mut tar, &config_name, config.len() as u64, config.as_bytes())?;
    let layer = File::open(layer)?;
    append(&mut tar, &layer_name, layer.metadata()?.len(), layer)?;
    tar.into_inner()?.flush()?;
    Ok(())
}

fn append(tar: &mut tar::Builder<impl Write>, name: &str, size: u64, content: impl Read) -> Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o644);
    header.set_mtime(0);
    tar.append_data(&mut header, name, content)
        .with_context(|| format!("cannot write {name}"))
}

/// The architecture's name in image configurations.
fn architecture() -> Result<&'static str> {
    match std::env::consts::ARCH {
        "x86_64" => Ok("amd64"),
        "aarch64" => Ok("arm64"),
        other => bail!("no image was ever made on {other}"),
    }
}

/// By coreutils: in a debug build it is many times quicker than our own code would be.
fn sha256_of_file(path: &Path) -> Result<String> {
    first_word(&process::output(process::command("sha256sum").arg(path))?)
}

pub(crate) fn sha256_of_text(text: &str) -> Result<String> {
    let mut child = process::command("sha256sum")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    child
        .stdin
        .take()
        .context("sha256sum has no input")?
        .write_all(text.as_bytes())?;
    let output = child.wait_with_output()?;
    first_word(&String::from_utf8(output.stdout)?)
}

fn first_word(printed: &str) -> Result<String> {
    let word = printed
        .split_whitespace()
        .next()
        .map(|word| word.trim_start_matches('\\').to_owned());
    word.filter(|word| word.len() == 64)
        .context("sha256sum printed no hash")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_known_one() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(sha256_of_text("").expect("sha256sum runs"), empty);
    }

    #[test]
    fn an_empty_configuration_says_nothing() {
        let config = serde_json::to_string(&Config::default()).expect("it serialises");
        assert_eq!(config, "{}");
        let config = serde_json::to_string(&Config::default().expose("6379/tcp")).expect("it serialises");
        assert_eq!(config, r#"{"ExposedPorts":{"6379/tcp":{}}}"#);
    }
}
