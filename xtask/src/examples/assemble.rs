//! A git repository out of a source and what Circle adds to it.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::fetch;
use super::source::Example;
use crate::process::{self, command};

/// What belongs to the example but not to the repository.
const OURS_ALONE: &[&str] = &["source.toml", "variants"];

/// Makes a repository with one commit on `main` in `folder`, which must not exist. Gives back the commit.
pub(crate) fn assemble(example: &Example, folder: &Path) -> Result<String> {
    if folder.exists() {
        bail!("{} exists: name a folder that does not", folder.display());
    }
    let folder = std::path::absolute(folder)?;
    let message = match &example.description {
        Some(description) => {
            let version = fetch::source(&description.package, &folder)?;
            fetch::vendor(&description.vendor, &folder)?;
            format!("{} {version}", example.name)
        }
        None => {
            fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
            example.name.clone()
        }
    };
    lay_over(&example.folder, &folder)?;
    commit(&folder, &message)
}

fn lay_over(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let is_ours = path
            .file_name()
            .and_then(|name| name.to_str())
            .is_some_and(|name| OURS_ALONE.contains(&name));
        if !is_ours {
            process::run(
                command("cp")
                    .args(["--recursive", "--preserve=mode,links"])
                    .arg(&path)
                    .arg(to),
            )?;
        }
    }
    Ok(())
}

/// What upstream ignores is added too: it may be what was vendored.
fn commit(folder: &Path, message: &str) -> Result<String> {
    git(folder, &["init", "--quiet", "--initial-branch=main"])?;
    git(folder, &["add", "--all", "--force", "."])?;
    git(folder, &["commit", "--quiet", "--no-verify", "--message", message])?;
    Ok(git(folder, &["rev-parse", "HEAD"])?.trim().to_owned())
}

/// Without the configuration of whoever runs this.
fn git(folder: &Path, arguments: &[&str]) -> Result<String> {
    let mut git = command("git");
    git.current_dir(folder).args([
        "-c",
        "user.name=Circle",
        "-c",
        "user.email=circle@localhost",
        "-c",
        "gc.auto=0",
    ]);
    git.env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null");
    process::output(git.args(arguments))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_becomes_a_repository_without_its_variants() {
        let folder = std::env::temp_dir().join(format!("circle-example-{}", std::process::id()));
        let example = Example::named("hello-redis").expect("it is in the clone");
        let commit = assemble(&example, &folder).expect("it is assembled");
        assert_eq!(commit.len(), 40);
        assert!(folder.join("caicloud.yml").is_file());
        assert!(!folder.join("variants").exists());
        assert!(
            git(&folder, &["status", "--porcelain"])
                .expect("it is a repository")
                .is_empty()
        );
        assert!(
            assemble(&example, &folder).is_err(),
            "a folder that exists is left alone"
        );
        fs::remove_dir_all(&folder).expect("it was ours");
    }
}
