//! Checks that need more than one place of the file.

mod deploy;
mod images;
mod integration;
mod pipes;
mod secrets;
mod stages;
mod triggers;
mod variables;

use super::report::Report;
use super::tree::PipelineFile;

pub use secrets::check_secrets;
pub(crate) use secrets::undefined;
pub(crate) use variables::{container_texts, image_texts};

/// Runs every check that needs the file alone.
pub(super) fn check_file(report: &Report<'_>, file: &PipelineFile) {
    integration::check(report, file);
    images::check(report, file);
    variables::check(report, file);
    pipes::check(report, file);
    stages::check(report, file);
    triggers::check(report, file);
    deploy::check(report, file);
    secrets::check_names(report, file);
}
