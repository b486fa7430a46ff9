//! Secrets from a file or from standard input, never from the command line, which everybody on the machine can read.

use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

use circle_api::worker::SecretValue;

use crate::exit::Failure;

/// Largest value that is read, in bytes.
const MAX_BYTES: u64 = 64 * 1024;

/// The value from the file, or from standard input for `-`. One newline at the end is not part of it.
pub(crate) fn secret(path: &Path, what: &str) -> anyhow::Result<SecretValue> {
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        if std::io::stdin().is_terminal() {
            let how = format!("the {what} is read from standard input: pipe it in, or name a file");
            return Err(Failure::usage(how).into());
        }
        std::io::stdin().lock().take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    } else {
        let file = std::fs::File::open(path)
            .map_err(|error| Failure::usage(format!("the {what} file {} cannot be read: {error}", path.display())))?;
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    }
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Failure::usage(format!("the {what} is larger than 64 KiB")).into());
    }
    let text = String::from_utf8(bytes).map_err(|_| Failure::usage(format!("the {what} is not UTF-8 text")))?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    if text.is_empty() {
        return Err(Failure::usage(format!("the {what} is empty")).into());
    }
    Ok(SecretValue::new(text))
}

/// The value if a file was named.
pub(crate) fn optional_secret(path: Option<&PathBuf>, what: &str) -> anyhow::Result<Option<SecretValue>> {
    path.map(|path| secret(path, what)).transpose()
}

#[cfg(test)]
mod tests {
    use super::secret;
    use std::fs;

    #[test]
    fn one_newline_at_the_end_is_no_part_of_a_secret() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("value");
        fs::write(&path, "a\nb\n\n").expect("written");
        assert_eq!(secret(&path, "value").expect("a value").expose(), "a\nb\n");
    }

    #[test]
    fn empty_large_and_binary_values_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("value");
        let cases: [(&[u8], &str); 3] = [(b"\n", "empty"), (&[b'x'; 70_000], "64 KiB"), (b"\xff", "UTF-8")];
        for (bytes, why) in cases {
            fs::write(&path, bytes).expect("written");
            let error = secret(&path, "value").expect_err(why).to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
