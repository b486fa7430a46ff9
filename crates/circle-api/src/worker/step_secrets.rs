//! Secrets as a worker is given them: each value is bound to the step that asks for it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::SecretValue;

/// Values by step and by the name under which the step asks; steps are named as `circle_core::plan::step_name` does.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepSecrets(BTreeMap<String, BTreeMap<String, SecretValue>>);

impl StepSecrets {
    /// Gives a value to one step.
    pub fn give(&mut self, step: impl Into<String>, name: impl Into<String>, value: SecretValue) {
        self.0.entry(step.into()).or_default().insert(name.into(), value);
    }

    /// What one step was given under a name.
    pub fn of(&self, step: &str, name: &str) -> Option<&SecretValue> {
        self.0.get(step)?.get(name)
    }

    /// Every step and name with its value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, &SecretValue)> {
        self.0.iter().flat_map(|(step, values)| {
            let of_step = values.iter();
            of_step.map(move |(name, value)| (step.as_str(), name.as_str(), value))
        })
    }

    /// Whether nothing is given at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
