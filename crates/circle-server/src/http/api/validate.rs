//! Bounds that the description promises, each with the field that breaks it.

use circle_api::resources::ProblemEntry;

use crate::http::ApiError;

/// Gathers every fault of a request, so that all are told at once.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<ProblemEntry>);

impl Faults {
    /// Notes a fault unless `good`.
    pub(super) fn unless(&mut self, good: bool, field: &str, message: impl Into<String>) -> &mut Self {
        if !good {
            self.0.push(ProblemEntry {
                field: Some(field.to_owned()),
                message: message.into(),
            });
        }
        self
    }

    /// A text of so many bytes without control characters, if it is given.
    pub(super) fn text(&mut self, value: Option<&str>, max_bytes: usize, field: &str) -> &mut Self {
        let good =
            value.is_none_or(|text| !text.is_empty() && text.len() <= max_bytes && !text.chars().any(char::is_control));
        self.unless(
            good,
            field,
            format!("{field} has 1 to {max_bytes} bytes and no control characters"),
        )
    }

    /// A number within bounds, if it is given.
    pub(super) fn within(&mut self, value: Option<u64>, (least, most): (u64, u64), field: &str) -> &mut Self {
        let good = value.is_none_or(|number| (least..=most).contains(&number));
        self.unless(good, field, format!("{field} is {least} to {most}"))
    }

    /// All good, or all faults.
    pub(super) fn done(&mut self) -> Result<(), ApiError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(ApiError::Faults(std::mem::take(&mut self.0)))
        }
    }
}

/// A path within a repository or a registry: relative, normalised, nothing that leaves it.
pub(super) fn is_inner_path(path: &str) -> bool {
    let plain = |part: &str| !part.is_empty() && part != "." && part != "..";
    !path.contains('\\') && path.split('/').all(plain)
}
