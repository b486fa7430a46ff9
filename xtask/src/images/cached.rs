//! An image in the cache folder: its name says what it is made of, and only whole files have that name.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};

use super::archive::{self, Config};
use super::layer::Layer;
use crate::place;
use crate::process::seconds;

/// How an image is made.
pub(crate) struct Image {
    /// The short name on the command line.
    pub(crate) name: &'static str,
    /// What `docker load` calls it.
    pub(crate) tag: &'static str,
    pub(crate) about: &'static str,
    /// Raised when the recipe changes in a way that `inputs` and `config` do not show.
    pub(crate) revision: u32,
    /// What the content depends on, as text: versions, sizes and times of the files taken from this machine.
    pub(crate) inputs: fn() -> Result<String>,
    /// Fills the image's only layer.
    pub(crate) fill: fn(&mut Layer) -> Result<()>,
    pub(crate) config: fn() -> Config,
}

impl Image {
    /// Where the tar lies or would lie.
    pub(crate) fn path(&self) -> Result<PathBuf> {
        let config = serde_json::to_string(&(self.config)())?;
        let inputs =
            (self.inputs)().with_context(|| format!("cannot tell what {} is made of; try `make setup`", self.tag))?;
        let recipe = format!(
            "{}\n{}\n{}\n{config}\n{inputs}",
            archive::FORMAT,
            self.tag,
            self.revision
        );
        let hash = archive::sha256_of_text(&recipe)?;
        Ok(place::cache_folder("images")?.join(format!("{}-{}.tar", self.name, &hash[..16])))
    }

    /// The path of the finished tar, made now if it is missing. Whoever comes second waits for the first.
    pub(crate) fn ensure(&self) -> Result<PathBuf> {
        let path = self.path()?;
        if path.exists() {
            return Ok(path);
        }
        let lock_path = path.with_extension("lock");
        let lock = File::create(&lock_path).with_context(|| format!("cannot make {}", lock_path.display()))?;
        lock.lock()
            .with_context(|| format!("cannot lock {}", lock_path.display()))?;
        if !path.exists() {
            self.build(&path)?;
            self.forget_older(&path)?;
        }
        Ok(path)
    }

    fn build(&self, path: &Path) -> Result<()> {
        let start = Instant::now();
        eprintln!("image {}: making {} ({})", self.name, self.tag, self.about);
        let partial = path.with_extension("partial");
        let layer_path = path.with_extension("layer");
        let mut layer = Layer::create(&layer_path)?;
        (self.fill)(&mut layer)?;
        layer.finish()?;
        archive::write(&partial, self.tag, &layer_path, (self.config)())?;
        fs::remove_file(&layer_path)?;
        fs::rename(&partial, path).with_context(|| format!("cannot name {}", path.display()))?;
        let size = path.metadata()?.len() / 1_000_000;
        eprintln!("image {}: {size} MB in {}", self.name, seconds(start.elapsed()));
        Ok(())
    }

    /// What the same name was made of before is not needed any more.
    fn forget_older(&self, current: &Path) -> Result<()> {
        for entry in fs::read_dir(place::cache_folder("images")?)? {
            let path = entry?.path();
            let stem = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let is_ours = stem.rsplit_once('-').is_some_and(|(name, _)| name == self.name);
            if is_ours && path != current && path.extension().is_some_and(|extension| extension == "tar") {
                fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
            }
        }
        Ok(())
    }
}
