//! One thing that was found out about this machine.

use serde::Serialize;

/// One thing that was found out about this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fact {
    /// A short stable name such as `cgroups`.
    pub name: &'static str,
    /// Whether cells can live with it.
    pub grade: Grade,
    /// What was found, one sentence.
    pub sentence: String,
    /// What to do about it, one sentence; `None` when there is nothing to do.
    pub advice: Option<String>,
}

/// Whether cells can live with a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Grade {
    /// As it should be.
    Ok,
    /// Something is worse or missing that not everybody needs.
    Warn,
    /// Cells cannot start.
    Fail,
}

impl Fact {
    pub(super) fn ok(name: &'static str, sentence: impl Into<String>) -> Self {
        Self {
            name,
            grade: Grade::Ok,
            sentence: sentence.into(),
            advice: None,
        }
    }

    pub(super) fn warn(name: &'static str, sentence: impl Into<String>, advice: &str) -> Self {
        Self {
            name,
            grade: Grade::Warn,
            sentence: sentence.into(),
            advice: Some(advice.to_owned()),
        }
    }

    pub(super) fn fail(name: &'static str, sentence: impl Into<String>, advice: &str) -> Self {
        Self {
            name,
            grade: Grade::Fail,
            sentence: sentence.into(),
            advice: Some(advice.to_owned()),
        }
    }
}
