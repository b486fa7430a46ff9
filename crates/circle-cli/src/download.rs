//! Long answers of the server, written to a file that has its name only when it is whole.

use std::fs::{File, OpenOptions, remove_file};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use circle_api::client::Download;

use crate::exit::Failure;

/// A file that is being written beside the one that it will be.
#[derive(Debug)]
pub(crate) struct Part {
    file: PathBuf,
    part: PathBuf,
}

impl Part {
    /// The same with `.part` at its end, in the same folder.
    pub(crate) fn of(file: &Path) -> Result<Self, Failure> {
        if file.exists() {
            let sentence = format!("{} is there already: name a file that is not", file.display());
            return Err(Failure::usage(sentence));
        }
        let name = file.file_name();
        let name = name.ok_or_else(|| Failure::usage(format!("{} names no file", file.display())))?;
        let mut part = name.to_owned();
        part.push(".part");
        Ok(Self {
            file: file.to_owned(),
            part: file.with_file_name(part),
        })
    }

    /// Where it is written.
    pub(crate) fn path(&self) -> &Path {
        &self.part
    }

    /// Writes everything that comes, for the owner's eyes alone, and sees it on the disk.
    pub(crate) async fn take(&self, pieces: Download) -> anyhow::Result<()> {
        // What an earlier one left is not written into: in a folder of others it could be theirs, or lead elsewhere.
        self.forget();
        let mut open = OpenOptions::new();
        let open = open.write(true).create_new(true).mode(0o600);
        let mut file = open.open(&self.part).map_err(|error| broken(&self.part, &error))?;
        each(pieces, |piece| {
            file.write_all(piece).map_err(|error| broken(&self.part, &error).into())
        })
        .await?;
        Ok(file.sync_all().map_err(|error| broken(&self.part, &error))?)
    }

    /// Gives it its name.
    pub(crate) fn finish(&self) -> Result<(), Failure> {
        std::fs::rename(&self.part, &self.file).map_err(|error| broken(&self.file, &error))?;
        let folder = self.file.parent().filter(|folder| !folder.as_os_str().is_empty());
        let synced = File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all());
        synced.map_err(|error| broken(&self.file, &error))
    }

    /// Nothing is left of it, if it can be removed.
    pub(crate) fn forget(&self) {
        let _ = remove_file(&self.part);
    }
}

/// Gives every piece away as it comes.
pub(crate) async fn each(
    mut pieces: Download,
    mut take: impl FnMut(&[u8]) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    loop {
        let piece = pieces.next().await.map_err(|error| {
            let sentence = "the answer was cut off: the server's log has the reason";
            anyhow::Error::from(error).context(sentence)
        })?;
        match piece {
            Some(piece) => take(&piece)?,
            None => return Ok(()),
        }
    }
}

fn broken(path: &Path, error: &std::io::Error) -> Failure {
    Failure::broken(format!("{} cannot be written: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::Part;

    #[test]
    fn what_is_not_whole_has_another_name_in_the_same_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("all.tar");
        let part = Part::of(&file).expect("a name");
        assert_eq!(part.path(), folder.path().join("all.tar.part"));
        std::fs::write(part.path(), "whole").expect("written");
        part.finish().expect("renamed");
        assert_eq!(std::fs::read_to_string(&file).expect("there"), "whole");
        let refused = Part::of(&file).expect_err("it is there");
        assert!(refused.to_string().contains("is there already"), "{refused}");
        Part::of(Path::new("/")).expect_err("no file");
    }
}
