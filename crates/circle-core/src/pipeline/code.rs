//! The stable codes of diagnostics.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// What kind of finding a diagnostic is. A code keeps its meaning; new ones are added.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Code {
            $($(#[$doc])* $name,)*
        }

        impl Code {
            /// Every code, in the order in which the guide lists them.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The code as it is written.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

codes! {
    /// The file is larger than its bound.
    TooLarge = "too-large";
    /// Bytes that are no UTF-8.
    #[serde(rename = "invalid-utf8")]
    InvalidUtf8 = "invalid-utf8";
    /// A byte order mark.
    ByteOrderMark = "byte-order-mark";
    /// NUL or another control character.
    ControlCharacter = "control-character";
    /// A tab where YAML wants spaces.
    Tab = "tab";
    /// The text is no YAML.
    Syntax = "syntax";
    /// Maps and lists nested too deep.
    TooDeep = "too-deep";
    /// Too many nodes, mostly by aliases of aliases.
    TooManyNodes = "too-many-nodes";
    /// An alias of a name that no anchor has.
    UnknownAlias = "unknown-alias";
    /// A second document in the file.
    SecondDocument = "second-document";
    /// A YAML tag.
    YamlTag = "yaml-tag";
    /// A merge key `<<`.
    MergeKey = "merge-key";
    /// A key that is no plain text.
    BadKey = "bad-key";
    /// The same key twice in one map.
    DuplicateKey = "duplicate-key";
    /// `yes`, `no`, `on`, `off` without quotes.
    AmbiguousWord = "ambiguous-word";
    /// The file describes nothing.
    EmptyFile = "empty-file";
    /// A key that the grammar does not have at this place.
    UnknownKey = "unknown-key";
    /// A key that must be there.
    MissingKey = "missing-key";
    /// Two keys that exclude each other.
    ConflictingKeys = "conflicting-keys";
    /// A value of another kind than the key takes.
    WrongType = "wrong-type";
    /// A value of the right kind that is out of its range or badly formed.
    BadValue = "bad-value";
    /// A path that is absolute, leaves the checkout, or cannot exist.
    BadPath = "bad-path";
    /// An image or repository that no registry could hold.
    BadImage = "bad-image";
    /// A pattern that cannot be compiled.
    BadPattern = "bad-pattern";
    /// `${…}` that is not closed or has no name.
    BadTemplate = "bad-template";
    /// `${NAME}` of a name that does not exist at this stage.
    UnknownVariable = "unknown-variable";
    /// A key of the original format that is refused, with what to write instead.
    OriginalFormat = "original-format";
    /// What Circle refuses on purpose.
    Refused = "refused";
    /// What the grammar has and this version cannot do.
    NotYet = "not-yet";
    /// A credential in the file.
    TokenInFile = "token-in-file";
    /// A stage, rule or list that would do nothing.
    NothingToDo = "nothing-to-do";
    /// A secret that the server does not have for this service.
    UndefinedSecret = "undefined-secret";
    /// A secret that the server gives to other stages, events or images only.
    SecretLimited = "secret-limited";
    /// Secrets are used, and nobody is there to ask whether they exist.
    SecretsUnchecked = "secrets-unchecked";
    /// A link to a sidecar that the stage does not have.
    UnknownSidecar = "unknown-sidecar";
    /// `BUILT_IMAGE.name` or a deploy step of an image that is not built.
    UnknownImage = "unknown-image";
    /// An environment that does not exist, or a `needs` of one that no step deploys to.
    UnknownEnvironment = "unknown-environment";
    /// `needs` that wait for each other.
    NeedsCycle = "needs-cycle";
    /// Something named twice.
    Duplicate = "duplicate";
    /// A rule that an earlier one always wins against.
    UnreachableTrigger = "unreachable-trigger";
    /// A pipe whose first commands may fail unseen.
    PipeWithoutPipefail = "pipe-without-pipefail";
    /// A sidecar that says nothing about when it is ready.
    NoReadiness = "no-readiness";
    /// Both forms of pre_build.
    BothForms = "both-forms";
    /// pre_build that leaves nothing to later stages.
    NoOutputs = "no-outputs";
    /// A right that the workspace's policy does not give.
    NotAllowed = "not-allowed";
    /// No rule of `triggers` matches.
    NoTriggerMatches = "no-trigger-matches";
    /// Neither a pipeline file nor a Dockerfile.
    NothingToRun = "nothing-to-run";
    /// More findings than are reported.
    TooManyErrors = "too-many-errors";
}

impl fmt::Display for Code {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::Code;

    #[test]
    fn the_json_form_is_the_printed_form() {
        for code in Code::ALL {
            let json = serde_json::to_value(code).expect("a code is a text");
            assert_eq!(json, code.as_str());
        }
    }
}
