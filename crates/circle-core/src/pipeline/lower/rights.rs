//! Keys that ask for more than the ordinary: read here, judged by the workspace's policy when a run is planned.

use super::fields::Fields;
use super::scalar::{boolean, choice, list, said, text};
use crate::pipeline::report::Report;
use crate::pipeline::source::Spanned;
use crate::pipeline::value::absolute_path;
use crate::pipeline::yaml::{Node, Value};
use crate::plan::Bind;
use crate::rights::{Capability, HostMode, NoSuchRight, Right};

/// The option that takes a right away, so that nobody has to allow it.
const NO_NEW_PRIVILEGES: [&str; 3] = ["no-new-privileges", "no-new-privileges:true", "no-new-privileges=true"];

/// Every right that a container asks for, each at its place.
pub(super) fn rights(report: &Report<'_>, fields: &Fields<'_>, mounts: &[Spanned<Bind>]) -> Vec<Spanned<Right>> {
    let get = |name| fields.get(report, name);
    let mut rights = Vec::new();
    if let Some(node) = get("privileged")
        && boolean(report, node, "privileged") == Some(true)
    {
        rights.push(Spanned::new(Right::Privileged, node.span));
    }
    if let Some(node) = get("devices") {
        rights.extend(each(report, node, "devices", device));
    }
    if let Some(node) = get("cap_add") {
        rights.extend(each(report, node, "cap_add", |text| {
            capability(text).map(Right::Capability)
        }));
    }
    if let Some(node) = get("security_opt") {
        rights.extend(
            each(report, node, "security_opt", security_option)
                .into_iter()
                .filter_map(given),
        );
    }
    for mode in HostMode::EVERY {
        if let Some(node) = get(mode.key())
            && choice(report, node, mode.key(), &[("host", ())]).is_some()
        {
            rights.push(Spanned::new(Right::HostMode(mode), node.span));
        }
    }
    let of_cell = |mount: &Spanned<Bind>| Spanned::new(Right::Mount(mount.value.from.clone()), mount.span);
    rights.extend(mounts.iter().map(of_cell));
    rights
}

/// Capabilities that a container does without.
pub(super) fn cap_drop(report: &Report<'_>, node: &Node) -> Vec<Capability> {
    let dropped = each(report, node, "cap_drop", capability);
    dropped.into_iter().map(|one| one.value).collect()
}

/// Whether `security_opt` takes rights from programs that are set-user-id.
pub(super) fn no_new_privileges(node: &Node) -> bool {
    let Value::List(items) = &node.value else { return false };
    let is_it =
        |item: &Node| matches!(&item.value, Value::Scalar(scalar) if NO_NEW_PRIVILEGES.contains(&scalar.text.as_str()));
    items.iter().any(|item| is_it(item))
}

/// The entries of a list of texts that mean something; the others are reported.
fn each<T>(
    report: &Report<'_>,
    node: &Node,
    what: &str,
    read: impl Fn(&str) -> Result<T, &'static str>,
) -> Vec<Spanned<T>> {
    list(report, node, what, |item| {
        let text = text(report, item, what)?;
        let value = said(report, item, what, read(&text.value))?;
        Some(Spanned::new(value, text.span))
    })
}

fn capability(text: &str) -> Result<Capability, &'static str> {
    text.parse().map_err(|NoSuchRight(why)| why)
}

/// Paths beneath `/dev`.
fn device(text: &str) -> Result<Right, &'static str> {
    let path = absolute_path(text)
        .ok()
        .filter(|path| path.starts_with("/dev/") && !path.contains(':'));
    path.map(Right::Device)
        .ok_or("write a path beneath /dev, such as /dev/fuse")
}

/// `None` for what takes a right away instead.
fn security_option(text: &str) -> Result<Option<Right>, &'static str> {
    if NO_NEW_PRIVILEGES.contains(&text) {
        return Ok(None);
    }
    let option = text.parse().map_err(|NoSuchRight(why)| why)?;
    Ok(Some(Right::SecurityOption(option)))
}

fn given(right: Spanned<Option<Right>>) -> Option<Spanned<Right>> {
    right.value.map(|value| Spanned::new(value, right.span))
}
