//! Inputs of runs by hand.

use std::collections::BTreeMap;

use circle_core::inputs::{Declared, Input, InputKind, Place};
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
    /// Those of the file in its order, then those of the service alone.
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

/// Where an input is declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum InputPlace {
    /// The pipeline file at the commit.
    File,
    /// The service alone.
    Service,
    /// The file says what it takes, the service what counts when nothing is given, and whether something must be.
    Both,
}

/// One declared input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct InputView {
    pub name: String,
    pub from: InputPlace,
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

/// JSON has no number that is unequal to itself.
impl Eq for InputView {}

/// An input as it is declared on a service. Where the file declares the same name, its bounds count, and the types must be the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InputDeclaration {
    #[serde(rename = "type")]
    pub kind: InputType,
    /// One line of at most 1,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What counts when nothing is given, in runs of every event; it stands before the file's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<InputValue>,
    /// A run by hand must say it.
    #[serde(default)]
    pub required: bool,
    /// What can be chosen; only of a choice.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
    /// A regular expression that the whole value must match, of at most 200 characters; only of a string.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// The least number, or the fewest characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// The greatest number, or the most characters, of which 1,000 are the most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
}

impl Eq for InputDeclaration {}

/// Declares an input on a service, or takes it away: null.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct InputWish(pub Option<InputDeclaration>);

impl InputDeclaration {
    /// What its type has no use for.
    pub fn faults(&self) -> Vec<String> {
        let given = [
            ("options", !self.options.is_empty(), &[InputType::Choice][..]),
            ("pattern", self.pattern.is_some(), &[InputType::String]),
            ("min", self.min.is_some(), &[InputType::String, InputType::Number]),
            ("max", self.max.is_some(), &[InputType::String, InputType::Number]),
        ];
        let mut faults: Vec<String> = given
            .iter()
            .filter(|(_, is_given, types)| *is_given && !types.contains(&self.kind))
            .map(|(key, _, _)| format!("`{key}` has no meaning for its type: leave it out"))
            .collect();
        let counts = [self.min, self.max].into_iter().flatten();
        if self.kind == InputType::String && counts.into_iter().any(|bound| count(bound).is_none()) {
            faults.push("`min` and `max` of a string are whole numbers of characters".to_owned());
        }
        faults
    }

    /// As it is kept; what is in [`InputDeclaration::faults`] is lost.
    pub fn of(self, name: &str) -> Input {
        let kind = match self.kind {
            InputType::String => InputKind::Text {
                pattern: self.pattern,
                min: self.min.and_then(count),
                max: self.max.and_then(count),
            },
            InputType::Number => InputKind::Number {
                min: self.min,
                max: self.max,
            },
            InputType::Boolean => InputKind::Boolean,
            InputType::Choice => InputKind::Choice { options: self.options },
        };
        Input {
            name: name.to_owned(),
            kind,
            default: self.default.map(InputValue::into_text),
            required: self.required,
            description: self.description,
        }
    }
}

/// A number of characters, which as a text is one of whole numbers only; what is far too much is refused where bounds are.
fn count(bound: f64) -> Option<u64> {
    bound.to_string().parse().ok()
}

impl InputView {
    /// What file and service declare together.
    pub fn all(declared: &Declared) -> Vec<Self> {
        let both = declared.inputs.iter().zip(&declared.places);
        both.map(|(input, place)| Self::of(input, *place)).collect()
    }

    /// What stands on a service.
    pub fn own(inputs: &[Input]) -> Vec<Self> {
        inputs.iter().map(|input| Self::of(input, Place::Service)).collect()
    }

    fn of(input: &Input, place: Place) -> Self {
        // A thousand characters are the most, which every number holds.
        let count = |count: &Option<u64>| count.and_then(|count| u32::try_from(count).ok()).map(f64::from);
        let mut view = Self {
            name: input.name.clone(),
            from: match place {
                Place::File => InputPlace::File,
                Place::Service => InputPlace::Service,
                Place::Both => InputPlace::Both,
            },
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
