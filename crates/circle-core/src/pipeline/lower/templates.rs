//! Texts that may hold `${NAME}`: their form is checked here, their names where the stage is known.

use super::scalar::{said_as, text, written};
use crate::expand;
use crate::pipeline::code::Code;
use crate::pipeline::report::{Report, quote};
use crate::pipeline::source::Spanned;
use crate::pipeline::value::parse_image;
use crate::pipeline::yaml::Node;

/// Any scalar as written.
pub(super) fn template(report: &Report<'_>, node: &Node, what: &str) -> Option<Spanned<String>> {
    written(report, node, what).filter(|found| is_well_formed(report, found))
}

/// A text, checked by `check` when it holds no `${NAME}`; else it can be checked only after expansion.
pub(super) fn checked_template(
    report: &Report<'_>,
    node: &Node,
    what: &str,
    check: impl FnOnce(&str) -> Result<(), &'static str>,
) -> Option<Spanned<String>> {
    let found = text(report, node, what).filter(|found| is_well_formed(report, found))?;
    if !expand::has_names(&found.value) {
        said_as(report, Code::BadImage, node, what, check(&found.value))?;
    }
    Some(found)
}

/// An image, or `BUILT_IMAGE`.
pub(super) fn image(report: &Report<'_>, node: &Node) -> Option<Spanned<String>> {
    checked_template(report, node, "image", |text| {
        if text == "BUILT_IMAGE" || text.starts_with("BUILT_IMAGE.") {
            return Ok(());
        }
        parse_image(text).map(drop)
    })
}

fn is_well_formed(report: &Report<'_>, found: &Spanned<String>) -> bool {
    let Err(error) = expand::check(&found.value) else {
        return true;
    };
    let message = format!("{} cannot be expanded: {error}", quote(&found.value));
    report.error_help(
        Code::BadTemplate,
        found.span,
        message,
        "write ${NAME} or ${NAME:-text}; $${ is a literal ${",
    );
    false
}
