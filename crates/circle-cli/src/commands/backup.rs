//! `circle backup`: everything that a server keeps in one file, while it goes on.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use circle_api::client::{Client, Download};
use circle_server::backup::{Checked, check};
use clap::Args;
use serde_json::json;

use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::text::size;

/// Back up a server into one file while it goes on
///
/// The file has records, logs and outputs, as they were at one moment. It has no master key: keep `server/master-key` elsewhere, for
/// without it no secret of the backup opens. The file is read again before it gets its name.
#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    /// The file to write; it must not be there yet
    file: PathBuf,
}

pub(crate) async fn backup(context: &Context, args: BackupArgs) -> anyhow::Result<Exit> {
    let file = args.file;
    if file.exists() {
        let sentence = format!("{} is there already: name a file that is not", file.display());
        return Err(Failure::usage(sentence).into());
    }
    let client = context.session()?.client;
    let part = part_of(&file)?;
    let written = write(&client, &part).await.and_then(|()| finish(&part, &file));
    let checked = match written {
        Ok(checked) => checked,
        Err(error) => {
            // What is left has the name of no backup; the next one writes over it.
            let _ = std::fs::remove_file(&part);
            return Err(error);
        }
    };
    let told = json!({
        "file": file, "circle": checked.head.circle, "made_at": checked.head.made_at, "entries": checked.entries,
        "bytes": checked.bytes, "master_keys": checked.keys,
    });
    context.printer.show(&told, |_| sentence(&file, &checked))?;
    Ok(Exit::Ok)
}

/// The same with `.part` at its end, in the same folder.
fn part_of(file: &Path) -> Result<PathBuf, Failure> {
    let name = file.file_name();
    let name = name.ok_or_else(|| Failure::usage(format!("{} names no file", file.display())))?;
    let mut part = name.to_owned();
    part.push(".part");
    Ok(file.with_file_name(part))
}

async fn write(client: &Client, part: &Path) -> anyhow::Result<()> {
    let mut open = OpenOptions::new();
    let open = open.write(true).create(true).truncate(true).mode(0o600);
    let mut file = open.open(part).map_err(|error| broken(part, &error))?;
    let mut pieces: Download = client.back_up().await?;
    loop {
        let piece = pieces.next().await.map_err(|error| {
            let sentence = "the backup was cut off: the server's log has the reason";
            anyhow::Error::from(error).context(sentence)
        })?;
        let Some(piece) = piece else { break };
        file.write_all(&piece).map_err(|error| broken(part, &error))?;
    }
    Ok(file.sync_all().map_err(|error| broken(part, &error))?)
}

/// Reads what was written, from the file itself, and gives it its name.
fn finish(part: &Path, file: &Path) -> anyhow::Result<Checked> {
    let checked = check(part)?;
    std::fs::rename(part, file).map_err(|error| broken(file, &error))?;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let synced = File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all());
    synced.map_err(|error| broken(file, &error))?;
    Ok(checked)
}

fn broken(path: &Path, error: &std::io::Error) -> Failure {
    Failure::broken(format!("{} cannot be written: {error}", path.display()))
}

fn sentence(file: &Path, checked: &Checked) -> String {
    let needed: Vec<String> = checked
        .keys
        .iter()
        .map(|key| format!("{} ({} values)", key.id, key.values))
        .collect();
    let keys = match needed.as_slice() {
        [] => "Nothing in it is sealed.".to_owned(),
        keys => format!(
            "The master keys that open it are not inside: {}. Keep them elsewhere.",
            keys.join(", ")
        ),
    };
    format!(
        "{}: {} files, {}, of Circle {}. {keys}\n",
        file.display(),
        checked.entries,
        size(checked.bytes),
        checked.head.circle
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use circle_server::backup::{Checked, FORMAT, Head, NeededKey};

    use super::{part_of, sentence};

    #[test]
    fn it_says_which_key_is_needed_and_that_it_is_not_inside() {
        let key = |id: &str, values| NeededKey { id: id.into(), values };
        let mut checked = Checked {
            head: Head {
                format: FORMAT,
                circle: "0.1.0".into(),
                made_at: "2026-11-26T12:00:00Z".parse().expect("a time"),
            },
            keys: vec![key("a1b2", 3), key("c3d4", 40)],
            entries: 7,
            bytes: 2_048,
        };
        let told = "all.tar: 7 files, 2.0 KiB, of Circle 0.1.0. The master keys that open it are not inside: a1b2 (3 values), c3d4 (40 \
                    values). Keep them elsewhere.\n";
        assert_eq!(sentence(Path::new("all.tar"), &checked), told);
        checked.keys.clear();
        assert!(sentence(Path::new("all.tar"), &checked).ends_with("Nothing in it is sealed.\n"));
    }

    #[test]
    fn what_is_not_whole_has_another_name_in_the_same_folder() {
        assert_eq!(
            part_of(Path::new("/b/all.tar")).expect("a name"),
            Path::new("/b/all.tar.part")
        );
        part_of(Path::new("/")).expect_err("no file");
    }
}
