//! One thing that was found out.

use circle_cell::probe;
use serde::Serialize;

#[derive(Debug, Clone, Serialize)]
pub(super) struct Finding {
    /// A short stable name.
    pub(super) name: String,
    pub(super) grade: Grade,
    /// What was found, one sentence.
    pub(super) sentence: String,
    /// What to do about it, one sentence.
    pub(super) advice: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Grade {
    Good,
    /// Something that not everybody needs is worse or missing.
    Limited,
    /// Circle does not run here without it.
    Missing,
}

impl Finding {
    pub(super) fn good(name: &str, sentence: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            grade: Grade::Good,
            sentence: sentence.into(),
            advice: None,
        }
    }

    pub(super) fn limited(name: &str, sentence: impl Into<String>, advice: &str) -> Self {
        Self {
            name: name.into(),
            grade: Grade::Limited,
            sentence: sentence.into(),
            advice: Some(advice.into()),
        }
    }

    pub(super) fn missing(name: &str, sentence: impl Into<String>, advice: &str) -> Self {
        Self {
            name: name.into(),
            grade: Grade::Missing,
            sentence: sentence.into(),
            advice: Some(advice.into()),
        }
    }
}

impl From<probe::Fact> for Finding {
    fn from(fact: probe::Fact) -> Self {
        let grade = match fact.grade {
            probe::Grade::Ok => Grade::Good,
            probe::Grade::Warn => Grade::Limited,
            probe::Grade::Fail => Grade::Missing,
        };
        Self {
            name: fact.name.into(),
            grade,
            sentence: fact.sentence,
            advice: fact.advice,
        }
    }
}
