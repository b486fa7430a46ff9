//! Inputs of runs by hand.

use std::collections::BTreeMap;

use circle_core::inputs::{Input, InputKind};
use circle_core::names::{BranchName, CommitId, TagName};
use serde::{Deserialize, Serialize};
use serde_json::Number;
use utoipa::{IntoParams, ToSchema};

/// A value of an input, 1,000 characters at most; a number or a truth value may be written as a text, too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum InputValue {
    Boolean(bool),
    #[schema(value_type = f64)]
    Number(Number),
    Text(String),
}

impl InputValue {
    /// As the job's variable has it.
    pub fn into_text(self) -> String {
        match self {
            Self::Boolean(value) => value.to_string(),
            Self::Number(value) => value.to_string(),
            Self::Text(value) => value,
        }
    }
}

/// The values as texts.
pub fn texts(inputs: BTreeMap<String, InputValue>) -> BTreeMap<String, String> {
    let texts = inputs.into_iter().map(|(name, value)| (name, value.into_text()));
    texts.collect()
}

/// At which commit; at most one of branch and tag, nothing = the service's default branch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct InputsQuery {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub branch: Option<BranchName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub tag: Option<TagName>,
    /// A full commit id on that branch or tag; absent = its head.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub commit: Option<CommitId>,
}

/// What a run by hand may be given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct InputsView {
    /// Where the file was read.
    pub commit: String,
    /// In the order of the file.
    pub inputs: Vec<InputView>,
}

/// What an input takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum InputType {
    String,
    Number,
    Boolean,
    Choice,
}

/// One declared input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct InputView {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: InputType,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What counts when nothing is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    pub required: bool,
    /// What can be chosen; only of a choice.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
    /// A regular expression that the whole value must match; only of a string.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// The least number, or the fewest characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// The greatest number, or the most characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// The variable that carries it.
    pub variable: String,
}

impl From<&Input> for InputView {
    fn from(input: &Input) -> Self {
        // A thousand characters are the most, which every number holds.
        let count = |count: &Option<u64>| count.and_then(|count| u32::try_from(count).ok()).map(f64::from);
        let mut view = Self {
            name: input.name.clone(),
            kind: InputType::Boolean,
            description: input.description.clone(),
            default: input.default.clone(),
            required: input.required,
            options: Vec::new(),
            pattern: None,
            min: None,
            max: None,
            variable: input.variable(),
        };
        match &input.kind {
            InputKind::Text { pattern, min, max } => {
                view.kind = InputType::String;
                view.pattern.clone_from(pattern);
                (view.min, view.max) = (count(min), count(max));
            }
            InputKind::Number { min, max } => {
                view.kind = InputType::Number;
                (view.min, view.max) = (*min, *max);
            }
            InputKind::Boolean => {}
            InputKind::Choice { options } => {
                view.kind = InputType::Choice;
                view.options.clone_from(options);
            }
        }
        view
    }
}
