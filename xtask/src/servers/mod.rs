//! `cargo xtask server <name>`: servers of others that tests need and no package has. Each is built from a module of its
//! own in `xtask/servers`, once for each state of its sources, into the cache folder.

mod gitea;
pub(crate) mod webhooks;

use anyhow::{Result, bail};

pub(crate) use gitea::Gitea;

/// Builds the one that is named, and says where it lies.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    match arguments {
        [name] if name == "gitea" => {
            let gitea = Gitea::ensure()?;
            println!("{}", gitea.program.display());
            Ok(())
        }
        [] => bail!("say which: gitea"),
        other => bail!("no server is called `{}`; there is gitea", other.join(" ")),
    }
}
