//! What an example is made of: `examples/NAME/`, and in it `source.toml` when the source is somebody else's.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::place;

/// A folder beneath `examples/`.
pub(crate) struct Example {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    pub(crate) description: Option<Description>,
}

/// The content of `source.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Description {
    /// One sentence: what is tested, compiled and deployed.
    pub(crate) about: String,
    /// Base images by their short names, as `cargo xtask images` knows them.
    pub(crate) images: Vec<String>,
    /// Where the deployed service listens in its container.
    pub(crate) port: u16,
    /// What must answer 200; absent when the service does not speak HTTP.
    pub(crate) path: Option<String>,
    pub(crate) package: Package,
    #[serde(default)]
    pub(crate) vendor: Vendor,
}

/// A source as a package registry gives it.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Package {
    /// `apt-get source`, with Debian's patches applied; the version is whatever the archive holds now.
    DebianSource {
        name: String,
    },
    /// The source distribution of a Python project.
    Sdist {
        name: String,
        version: String,
    },
    GoModule {
        name: String,
        version: String,
    },
}

/// What is fetched beside the source, because a stage has no network of its own.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Vendor {
    /// Python wheels, as `name==version`; with what they need they go to `vendor/`.
    #[serde(default)]
    pub(crate) wheels: Vec<String>,
    /// The version of Python that the wheels are for.
    #[serde(default)]
    pub(crate) python: String,
}

/// What the sample repository needs; it has no `source.toml` because all of it is in the clone.
const SAMPLE_IMAGES: &[&str] = &["busybox", "redis", "toolchain"];
const SAMPLE_PORT: u16 = 8080;

impl Example {
    pub(crate) fn named(name: &str) -> Result<Self> {
        let folder = place::root().join("examples").join(name);
        if !folder.join("caicloud.yml").is_file() {
            let known: Vec<String> = examples()?.into_iter().map(|example| example.name).collect();
            bail!("no example is called `{name}`; there are {}", known.join(", "));
        }
        let path = folder.join("source.toml");
        let description = match fs::read_to_string(&path) {
            Ok(text) => Some(parse(&text).with_context(|| format!("cannot read {}", path.display()))?),
            Err(_) => None,
        };
        Ok(Self {
            name: name.to_owned(),
            folder,
            description,
        })
    }

    pub(crate) fn about(&self) -> &str {
        self.description
            .as_ref()
            .map_or("the demo's sample", |description| &description.about)
    }

    pub(crate) fn images(&self) -> Vec<String> {
        match &self.description {
            Some(description) => description.images.clone(),
            None => SAMPLE_IMAGES.iter().map(|name| (*name).to_owned()).collect(),
        }
    }
}

impl Example {
    pub(crate) fn port(&self) -> u16 {
        self.description
            .as_ref()
            .map_or(SAMPLE_PORT, |description| description.port)
    }

    pub(crate) fn path(&self) -> Option<&str> {
        self.description
            .as_ref()
            .map_or(Some("/"), |description| description.path.as_deref())
    }
}

/// All examples, by name.
pub(crate) fn examples() -> Result<Vec<Example>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(place::root().join("examples"))? {
        let path = entry?.path();
        if path.join("caicloud.yml").is_file() {
            names.extend(path.file_name().and_then(|name| name.to_str()).map(str::to_owned));
        }
    }
    names.sort();
    names.iter().map(|name| Example::named(name)).collect()
}

fn parse(text: &str) -> Result<Description> {
    Ok(toml::from_str(text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_of_the_clone_can_be_read() {
        let found = examples().expect("they can be read");
        let names: Vec<&str> = found.iter().map(|example| example.name.as_str()).collect();
        assert!(names.contains(&"hello-redis"), "{names:?}");
        assert!(
            found.iter().filter(|example| example.description.is_some()).count() >= 3,
            "{names:?}"
        );
    }

    #[test]
    fn every_pipeline_file_of_the_examples_is_good() {
        let variants = place::root().join("examples/hello-redis/variants/slow/caicloud.yml");
        let own = examples()
            .expect("they can be read")
            .into_iter()
            .map(|example| example.folder.join("caicloud.yml"));
        for path in own.chain([variants]) {
            let (_, findings) = circle_core::pipeline::parse("caicloud.yml", &fs::read(&path).expect("it is there"));
            assert!(findings.is_empty(), "{}: {findings:#?}", path.display());
        }
    }

    #[test]
    fn an_unknown_key_is_refused() {
        let text =
            "about = \"a\"\nimages = []\nport = 80\n[package]\nkind = \"sdist\"\nname = \"x\"\nversion = \"1\"\n";
        assert!(parse(text).is_ok());
        assert!(parse(&text.replace("version", "vresion")).is_err());
        assert!(parse(&text.replace("sdist", "floppy")).is_err());
    }
}
