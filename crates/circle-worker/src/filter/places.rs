//! Mounts of a job's own containers: folders of the checkout, and the job's socket.

use std::path::Path;

use circle_cell::PartOfView;
use serde_json::Value;

use super::Refusal;
use super::create::{Created, MountWish};
use super::rules::shown;
use crate::execute::{Shared, WORKSPACE};

/// Where people expect the engine's socket.
const SOCKETS: [&str; 2] = ["/var/run/docker.sock", "/run/docker.sock"];

/// What a job may mount.
#[derive(Debug, Clone, Copy)]
pub(super) struct Places<'a> {
    pub(super) shared: &'a Shared<'a>,
    /// The job's view of the checkout, as the engine sees it.
    pub(super) view: Option<&'a str>,
    /// The job's own socket, as the engine sees it.
    pub(super) socket: &'a str,
}

impl Places<'_> {
    /// Puts the places of all mounts into the body.
    pub(super) async fn fill(&self, mut created: Created) -> Result<Value, Refusal> {
        for wish in &created.mounts {
            let place = self.place(wish).await?;
            let text = match &wish.rest {
                Some(rest) => format!("{place}:{rest}"),
                None => place,
            };
            if let Some(slot) = created.body.pointer_mut(&wish.pointer) {
                *slot = Value::String(text);
            }
        }
        Ok(created.body)
    }

    async fn place(&self, wish: &MountWish) -> Result<String, Refusal> {
        if SOCKETS.contains(&wish.source.as_str()) {
            return Ok(self.socket.to_owned());
        }
        let outside = || {
            Refusal::new(format!(
                "`{}` cannot be mounted: with `docker: true` only what lies beneath {WORKSPACE} can, and the socket itself",
                shown(&wish.source)
            ))
        };
        let inner = beneath_checkout(&wish.source).ok_or_else(outside)?;
        let view = self.view.ok_or_else(outside)?;
        let name = self.shared.fresh_name("shown");
        let part = PartOfView {
            view: Path::new(view),
            path: Path::new(&inner),
            name: &name,
            make: wish.make,
        };
        let place = self.shared.cell.show(part).await;
        place.map(|place| place.display().to_string()).map_err(|error| {
            tracing::debug!(%error, "a mount of a job was refused");
            Refusal::new(format!(
                "`{}` cannot be mounted: there is no such folder or file, or a link on its way leads out of the checkout",
                shown(&wish.source)
            ))
        })
    }
}

/// The path within the checkout; `.` for the checkout itself.
fn beneath_checkout(source: &str) -> Option<String> {
    let inner = source.strip_prefix(WORKSPACE)?;
    if !inner.is_empty() && !inner.starts_with('/') {
        return None;
    }
    let parts: Vec<&str> = inner
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    if parts.contains(&"..") || inner.contains('\0') {
        return None;
    }
    Some(if parts.is_empty() {
        ".".to_owned()
    } else {
        parts.join("/")
    })
}

#[cfg(test)]
mod tests {
    use super::beneath_checkout;

    #[test]
    fn only_what_is_beneath_the_checkout_is_within_it() {
        for (source, wanted) in [
            ("/workspace", Some(".")),
            ("/workspace/", Some(".")),
            ("/workspace/a//b/./c", Some("a/b/c")),
            ("/workspaces", None),
            ("/workspace/../etc", None),
            ("/", None),
            ("/etc", None),
            ("workspace", None),
        ] {
            assert_eq!(beneath_checkout(source).as_deref(), wanted, "{source}");
        }
    }
}
