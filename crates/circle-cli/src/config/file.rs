//! `config.toml` of a person.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::exit::Failure;

/// Largest configuration file, in bytes.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// What a person may keep in `~/.config/circle/config.toml`. Unknown keys are errors.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConfigFile {
    /// The server's address, as `--server`.
    pub(crate) server: Option<String>,
    /// A file with the token, as `--token-file`; relative to the folder of this file.
    pub(crate) token_file: Option<PathBuf>,
    /// The workspace, as `--workspace`.
    pub(crate) workspace: Option<String>,
}

impl ConfigFile {
    /// Reads a file that was named, or the usual one, which may be missing.
    pub(crate) fn load(named: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = place(named) else {
            return Ok(Self::default());
        };
        let text = match read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound && named.is_none() => return Ok(Self::default()),
            Err(error) => return Err(Failure::usage(format!("{} cannot be read: {error}", path.display()))),
        };
        let mut file: Self = toml::from_str(&text)
            .map_err(|error| Failure::usage(format!("{} is wrong: {}", path.display(), flat(&error))))?;
        if let (Some(token), Some(folder)) = (&file.token_file, path.parent()) {
            file.token_file = Some(folder.join(token));
        }
        Ok(file)
    }
}

fn read(path: &Path) -> std::io::Result<String> {
    if fs::metadata(path)?.len() > MAX_FILE_BYTES {
        return Err(std::io::Error::other("it is larger than 64 KiB"));
    }
    fs::read_to_string(path)
}

/// The file that was named, or the usual one.
pub(crate) fn place(named: Option<&Path>) -> Option<PathBuf> {
    named.map(Path::to_owned).or_else(usual_place)
}

fn usual_place() -> Option<PathBuf> {
    let folder = match std::env::var_os("XDG_CONFIG_HOME").filter(|value| !value.is_empty()) {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(std::env::var_os("HOME")?).join(".config"),
    };
    Some(folder.join("circle/config.toml"))
}

/// The parser's excerpt of several lines as one sentence.
pub(crate) fn flat(error: &toml::de::Error) -> String {
    error.message().split('\n').map(str::trim).collect::<Vec<_>>().join(" ")
}
