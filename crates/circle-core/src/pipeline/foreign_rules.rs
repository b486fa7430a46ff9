//! The rules of one file for the work of another: what a stranger proposes runs by the rules of the branch that it is
//! proposed to.

use super::source::{Span, Spanned};
use super::tree::{ConcurrencyRules, PipelineFile, StageSet, TriggerRule};

impl PipelineFile {
    /// This file's stages under the other's `triggers` and `concurrency`; without another under those that count when a file
    /// says nothing.
    #[must_use]
    pub fn with_rules_of(mut self, other: Option<&Self>) -> Self {
        let rules = other.and_then(|other| other.triggers.as_ref());
        self.triggers = rules.map(|rules| rules.iter().map(elsewhere).collect());
        self.concurrency = other.map_or_else(ConcurrencyRules::default, |other| other.concurrency);
        self
    }
}

/// Its places are of another file: a finding about it must not point into this one.
fn elsewhere(rule: &TriggerRule) -> TriggerRule {
    TriggerRule {
        span: Span::START,
        stages: match &rule.stages {
            StageSet::All => StageSet::All,
            StageSet::Only(names) => {
                StageSet::Only(names.iter().map(|name| Spanned::new(name.value, Span::START)).collect())
            }
        },
        push_never: rule.push_never.map(|_| Span::START),
        ..rule.clone()
    }
}

#[cfg(test)]
mod tests {
    use crate::pipeline::parse;

    fn file(text: &str) -> crate::pipeline::PipelineFile {
        parse("caicloud.yml", text.as_bytes()).0.expect("a file")
    }

    #[test]
    fn sec_11_the_rules_are_the_other_files_and_the_work_is_this_ones() {
        let theirs = "triggers: [{event: push}]\npre_build: {image: a, commands: [x]}\n";
        let mine = "triggers: [{event: pull_request, stages: [pre_build]}]\npre_build: {image: b, commands: [y]}\n";
        let (theirs, mine) = (file(theirs), file(mine));
        let both = mine.clone().with_rules_of(Some(&theirs));
        assert_eq!(format!("{:?}", both.pre_build), format!("{:?}", mine.pre_build));
        let words = |file: &crate::pipeline::PipelineFile| {
            let rules = file.triggers.iter().flatten();
            rules.map(|rule| format!("{:?}", rule.event)).collect::<Vec<_>>()
        };
        assert_eq!(words(&both), words(&theirs));
        assert!(mine.with_rules_of(None).triggers.is_none());
    }
}
