//! `build` and its images.

use super::container::secrets;
use super::environment::pairs;
use super::fields::Fields;
use super::integration::named;
use super::job::limits;
use super::scalar::{list, said_as, text};
use super::templates::{checked_template, template};
use crate::expand;
use crate::pipeline::code::Code;
use crate::pipeline::keys::{BUILD, IMAGE};
use crate::pipeline::report::{Report, quote};
use crate::pipeline::source::Spanned;
use crate::pipeline::tree::{BuildSection, ImageSpec, ONLY_IMAGE};
use crate::pipeline::value::{parse_repository, parse_tag, relative_path};
use crate::pipeline::yaml::{Entry, Node};

const IMAGE_KEYS: [&str; 10] = [
    "repository",
    "context",
    "context_dir",
    "dockerfile",
    "dockerfile_name",
    "target",
    "args",
    "tags",
    "labels",
    "secrets",
];

/// Lowers the section; `build: {}` is the Dockerfile of the checkout.
pub(super) fn build(report: &Report<'_>, entry: &Entry) -> Option<BuildSection> {
    let fields = Fields::read(report, &entry.value, &BUILD)?;
    let span = entry.key.span;
    let images = match fields.entry(report, "images") {
        Some(images) => {
            if let Some(direct) = fields.first_of(&IMAGE_KEYS) {
                let message = format!(
                    "`{}` stands beside `images`, but belongs to one of them",
                    direct.key.value
                );
                report.error_help(Code::ConflictingKeys, direct.key.span, message, "move it into an image");
            }
            named(report, images, "images", |one| named_image(report, one))
        }
        None => vec![image(report, &fields, Spanned::new(ONLY_IMAGE.to_owned(), span))],
    };
    Some(BuildSection {
        images,
        limits: limits(report, &fields),
    })
}

fn named_image(report: &Report<'_>, entry: &Entry) -> Option<ImageSpec> {
    let fields = Fields::read(report, &entry.value, &IMAGE)?;
    let name = entry.key.value.as_str();
    let head = name.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
    let fits = head
        && name.len() <= 63
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !fits || name.starts_with("digest") {
        let help = "names have up to 63 lower-case letters, digits and hyphens, a letter first, and do not begin with `digest`";
        report.error_help(
            Code::BadValue,
            entry.key.span,
            format!("{} cannot name an image", quote(name)),
            help,
        );
    }
    Some(image(report, &fields, entry.key.clone()))
}

fn image(report: &Report<'_>, fields: &Fields<'_>, name: Spanned<String>) -> ImageSpec {
    let get = |name| fields.get(report, name);
    let tags = get("tags").map_or_else(Vec::new, |node| {
        let tags = list(report, node, "tags", |item| tag(report, item));
        if tags.is_empty() {
            report.error_help(
                Code::NothingToDo,
                node.span,
                "`tags` is empty",
                "remove it: then the image is tagged ${CIRCLE_VERSION}",
            );
        }
        tags
    });
    ImageSpec {
        repository: get("repository").and_then(|node| checked_template(report, node, "repository", parse_repository)),
        tags,
        labels: get("labels").map_or_else(Vec::new, |node| pairs(report, node, "labels")),
        ..image_source(report, fields, name)
    }
}

/// What both `build` and the Dockerfile form of pre_build say about a build.
pub(super) fn image_source(report: &Report<'_>, fields: &Fields<'_>, name: Spanned<String>) -> ImageSpec {
    let get = |name| fields.get(report, name);
    ImageSpec {
        name,
        repository: None,
        context: get("context")
            .and_then(|node| path(report, node, "context"))
            .unwrap_or_else(|| ".".to_owned()),
        dockerfile: get("dockerfile")
            .and_then(|node| dockerfile(report, node))
            .unwrap_or_else(|| "Dockerfile".to_owned()),
        target: get("target")
            .and_then(|node| text(report, node, "target"))
            .map(|target| target.value),
        args: get("args").map_or_else(Vec::new, |node| pairs(report, node, "args")),
        tags: Vec::new(),
        labels: Vec::new(),
        secrets: get("secrets").map_or_else(Vec::new, |node| secrets(report, node)),
    }
}

fn path(report: &Report<'_>, node: &Node, what: &str) -> Option<String> {
    let path = text(report, node, what)?;
    said_as(report, Code::BadPath, node, what, relative_path(&path.value))
}

fn dockerfile(report: &Report<'_>, node: &Node) -> Option<String> {
    let found = path(report, node, "dockerfile")?;
    if found == "." {
        report.error_help(
            Code::BadPath,
            node.span,
            "`dockerfile` names a file",
            "write its path relative to `context`",
        );
        return None;
    }
    Some(found)
}

fn tag(report: &Report<'_>, node: &Node) -> Option<Spanned<String>> {
    let tag = template(report, node, "tags")?;
    if !expand::has_names(&tag.value) {
        said_as(report, Code::BadImage, node, "tags", parse_tag(&tag.value))?;
    }
    Some(tag)
}
