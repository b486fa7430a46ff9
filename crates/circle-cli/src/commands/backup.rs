//! `circle backup`: everything that a server keeps in one file, while it goes on.

use std::path::{Path, PathBuf};

use circle_api::client::Client;
use circle_server::backup::{Checked, check};
use clap::Args;
use serde_json::json;

use crate::context::Context;
use crate::download::Part;
use crate::exit::Exit;
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
    let part = Part::of(&file)?;
    let client = context.session()?.client;
    let written = write(&client, &part).await;
    let checked = written.inspect_err(|_| part.forget())?;
    let told = json!({
        "file": file, "circle": checked.head.circle, "made_at": checked.head.made_at, "entries": checked.entries,
        "bytes": checked.bytes, "master_keys": checked.keys,
    });
    context.printer.show(&told, |_| sentence(&file, &checked))?;
    Ok(Exit::Ok)
}

/// Writes, reads what was written from the file itself, and gives it its name.
async fn write(client: &Client, part: &Part) -> anyhow::Result<Checked> {
    part.take(client.back_up().await?).await?;
    let checked = check(part.path())?;
    part.finish()?;
    Ok(checked)
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

    use super::sentence;

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
}
