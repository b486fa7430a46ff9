//! The checkout of a job that does not run as root: it belongs to the user whom the job runs as.
//!
//! A stage's view is its own, so nothing of this is seen by other stages. Owners are changed in the view's writable layer by
//! a process that sees the view alone, before any container writes there; files keep their content in the layers beneath.

use bollard::query_parameters::DownloadFromContainerOptionsBuilder;
use circle_cell::{InCell, Owner, Sight};
use circle_core::plan::ContainerJob;
use circle_core::run::{Failure, FailureKind};
use futures_util::{StreamExt, TryStreamExt};
use tokio::io::AsyncReadExt;
use tokio_util::io::StreamReader;

use super::context::{StageRun, cell_failure};

/// In every cell.
const CHOWN: &str = "/usr/bin/chown";
/// A list of users is a few lines.
const MAX_LIST_BYTES: u64 = 1024 * 1024;

/// Gives the view to the job's user, unless that is root of the containers, to whom it belongs already.
pub(super) async fn own_view(
    stage: &StageRun<'_>,
    job: &ContainerJob,
    (container, image): (&str, &str),
    view: &str,
) -> Result<(), Failure> {
    let user = match &job.container.user {
        Some(user) => user.clone(),
        None => stage
            .inspect_image(image)
            .await?
            .config
            .and_then(|config| config.user)
            .unwrap_or_default(),
    };
    let is_remapped = !job.container.rights.need_real_root();
    if is_root(&user) && is_remapped {
        return Ok(());
    }
    let Some((uid, gid)) = ids_of(stage, &user, container).await else {
        let text = format!("circle: the image has no user {user}: /workspace stays root's");
        stage.log.say(&text).await;
        return Ok(());
    };
    let first = if is_remapped {
        stage.shared.cell.remapped_root()
    } else {
        Owner { uid: 0, gid: 0 }
    };
    let owner = format!("{}:{}", first.uid.saturating_add(uid), first.gid.saturating_add(gid));
    let argv = [CHOWN, "--recursive", "--no-dereference", "--", &owner, view];
    let mut command = InCell::new(None, argv);
    command.sight = Sight::Only(vec![view.into()]);
    let failed = || cell_failure("a checkout that belongs to the job's user");
    let mut child = stage.shared.cell.exec(command).await.map_err(failed())?;
    let exit = child.wait().await.map_err(failed())?;
    if exit.is_success() {
        return Ok(());
    }
    let message = format!("the checkout could not be given to the job's user {user}: chown ended with {exit:?}");
    Err(Failure::new(FailureKind::Infrastructure, message))
}

fn is_root(user: &str) -> bool {
    matches!(user.split(':').next(), None | Some("" | "0" | "root"))
}

/// The numbers of `user[:group]` in a container.
async fn ids_of(stage: &StageRun<'_>, user: &str, container: &str) -> Option<(u32, u32)> {
    let users = list(stage, container, "/etc/passwd").await;
    let groups = list(stage, container, "/etc/group").await;
    ids(user, &users, &groups)
}

/// A list of the container; empty when it has none.
async fn list(stage: &StageRun<'_>, container: &str, path: &str) -> String {
    let options = DownloadFromContainerOptionsBuilder::default().path(path).build();
    let docker = &stage.shared.engine.docker;
    let download = docker.download_from_container(container, Some(options));
    let reader = StreamReader::new(Box::pin(download.map_err(std::io::Error::other)));
    let mut text = Vec::new();
    if let Ok(mut entries) = tokio_tar::Archive::new(reader).entries()
        && let Some(Ok(entry)) = entries.next().await
    {
        // A list that breaks off is one that lacks names.
        let _ = entry.take(MAX_LIST_BYTES).read_to_end(&mut text).await;
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// As the engine finds them: a number stands for itself; without a group, the user's own counts, else 0.
fn ids(user: &str, users: &str, groups: &str) -> Option<(u32, u32)> {
    let (name, group) = user
        .split_once(':')
        .map_or((user, None), |(name, group)| (name, Some(group)));
    let known = users
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .find(|line| {
            let number = line.get(2).copied();
            line.first() == Some(&name) || (name.parse::<u32>().is_ok() && number == Some(name))
        });
    let number = |field: usize| {
        known
            .as_ref()
            .and_then(|line| line.get(field))
            .and_then(|text| text.parse().ok())
    };
    let uid = if name.is_empty() {
        0
    } else {
        name.parse().ok().or_else(|| number(2))?
    };
    let gid = match group.filter(|group| !group.is_empty()) {
        None => number(3).unwrap_or(0),
        Some(group) => group.parse().ok().or_else(|| {
            let line = groups
                .lines()
                .map(|line| line.split(':').collect::<Vec<_>>())
                .find(|line| line.first() == Some(&group))?;
            line.get(2)?.parse().ok()
        })?,
    };
    Some((uid, gid))
}

#[cfg(test)]
mod tests {
    use super::{ids, is_root};

    #[test]
    fn a_user_is_found_as_the_engine_finds_it() {
        let users = "root:x:0:0::/:/bin/sh\nnode:x:1000:1001::/home/node:/bin/sh\nbroken\n";
        let groups = "root:x:0:\nstaff:x:50:node\n";
        for (user, wanted) in [
            ("1000", Some((1000, 1001))),
            ("4321", Some((4321, 0))),
            ("4321:77", Some((4321, 77))),
            ("node", Some((1000, 1001))),
            ("node:staff", Some((1000, 50))),
            (":staff", Some((0, 50))),
            ("node:nobody", None),
            ("ghost", None),
            ("broken", None),
        ] {
            assert_eq!(ids(user, users, groups), wanted, "{user}");
        }
        assert!(["", "0", "root", "root:staff", "0:0"].iter().all(|user| is_root(user)));
        assert!(!is_root("node"));
    }
}
