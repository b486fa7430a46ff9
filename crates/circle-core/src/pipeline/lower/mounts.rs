//! `volumes`, `tmpfs`, `caches`.

use super::fields::Fields;
use super::scalar::{list, said_as, text};
use crate::pipeline::code::Code;
use crate::pipeline::keys::CACHE;
use crate::pipeline::report::{Report, quote};
use crate::pipeline::source::Spanned;
use crate::pipeline::value::{absolute_path, relative_path};
use crate::pipeline::yaml::{Node, Value};
use crate::plan::{Bind, Cache};

/// `volumes`: those of the checkout, and those of the cell.
pub(super) fn volumes(report: &Report<'_>, node: &Node) -> (Vec<Bind>, Vec<Spanned<Bind>>) {
    let (mut checkout, mut cell) = (Vec::new(), Vec::new());
    for one in list(report, node, "volumes", |item| volume(report, item)) {
        match one {
            Volume::Checkout(bind) => checkout.push(bind),
            Volume::Cell(bind) => cell.push(bind),
        }
    }
    (checkout, cell)
}

/// Where a volume comes from.
enum Volume {
    /// A folder of the checkout.
    Checkout(Bind),
    /// A folder of the cell; whether it is given is the policy's.
    Cell(Spanned<Bind>),
}

/// `./path:/in/container[:ro]`
fn volume(report: &Report<'_>, node: &Node) -> Option<Volume> {
    let line = text(report, node, "volumes")?;
    let mut parts = line.value.split(':');
    let (Some(from), Some(to), mode, None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        let message = format!("`volumes` does not take {}", quote(&line.value));
        report.error_help(
            Code::BadValue,
            line.span,
            message,
            "write ./path:/in/container, with :ro behind it for reading only",
        );
        return None;
    };
    let from = source(report, node, from)?;
    let to = said_as(report, Code::BadPath, node, "volumes", absolute_path(to))?;
    let read_only = match mode {
        None | Some("rw") => false,
        Some("ro") => true,
        Some(other) => {
            let message = format!("`volumes` does not know the mode {}", quote(other));
            report.error_help(Code::BadValue, line.span, message, "write :ro, or nothing");
            return None;
        }
    };
    let of_cell = from.starts_with('/');
    let bind = Bind { from, to, read_only };
    Some(if of_cell {
        Volume::Cell(Spanned::new(bind, line.span))
    } else {
        Volume::Checkout(bind)
    })
}

fn source(report: &Report<'_>, node: &Node, from: &str) -> Option<String> {
    if from.starts_with('/') {
        return said_as(report, Code::BadPath, node, "volumes", absolute_path(from));
    }
    if from.starts_with('~') {
        let message = format!(
            "the folder {} cannot be mounted: nobody has a home in a cell",
            quote(from)
        );
        let help = "only folders of the checkout can: write ./path; for what should last between runs, write `caches`";
        report.error_help(Code::Refused, node.span, message, help);
        return None;
    }
    if from != "." && !from.starts_with("./") && !from.starts_with("../") {
        let message = format!("the named volume {} is refused", quote(from));
        let help =
            format!("write ./{from} for a folder of the checkout, `tmpfs` for room that nobody keeps, or `caches`");
        report.error_help(Code::Refused, node.span, message, help);
        return None;
    }
    said_as(report, Code::BadPath, node, "volumes", relative_path(from))
}

/// Absolute paths.
pub(super) fn tmpfs(report: &Report<'_>, node: &Node) -> Vec<String> {
    list(report, node, "tmpfs", |item| {
        let path = text(report, item, "tmpfs")?;
        said_as(report, Code::BadPath, item, "tmpfs", absolute_path(&path.value))
    })
}

/// Folders that are kept.
pub(super) fn caches(report: &Report<'_>, node: &Node) -> Vec<Cache> {
    list(report, node, "caches", |item| cache(report, item))
}

fn cache(report: &Report<'_>, node: &Node) -> Option<Cache> {
    if let Value::Scalar(_) = &node.value {
        let path = text(report, node, "caches")?;
        let path = said_as(report, Code::BadPath, node, "caches", absolute_path(&path.value))?;
        return Some(Cache { path, key: Vec::new() });
    }
    let fields = Fields::read(report, node, &CACHE)?;
    fields.require(report, "path", node.span);
    let key = fields
        .get(report, "key")
        .map_or_else(Vec::new, |key| key_files(report, key));
    let path = fields.get(report, "path")?;
    let text = text(report, path, "path")?;
    let path = said_as(report, Code::BadPath, path, "path", absolute_path(&text.value))?;
    Some(Cache { path, key })
}

fn key_files(report: &Report<'_>, node: &Node) -> Vec<String> {
    list(report, node, "key", |item| {
        let path = text(report, item, "key")?;
        said_as(report, Code::BadPath, item, "key", relative_path(&path.value))
    })
}
