//! Keys of an input of runs by hand.

use super::kind::{Key, Kind, Section};

/// One input.
pub(crate) static INPUT: Section = Section::new(
    "input",
    "A value that whoever starts a run by hand may give. Jobs have it as the variable `CIRCLE_INPUT_<NAME>`; it is shown with the run, so it is no place for a secret.",
    &[&[
        Key::new(
            "type",
            Kind::Choice(&["string", "number", "boolean", "choice"]),
            "What it takes.",
        )
        .default("string"),
        Key::new("description", Kind::Text, "What it is for, for whoever is asked."),
        Key::new(
            "default",
            Kind::Scalar,
            "What counts when nobody says anything, in runs of every event.",
        ),
        Key::new("required", Kind::Bool, "A run by hand must say it.").default("false"),
        Key::new(
            "options",
            Kind::List(&Kind::Scalar),
            "What can be chosen; only for `type: choice`, where it must be there.",
        ),
        Key::new(
            "pattern",
            Kind::Text,
            "A regular expression that the whole value must match; only for `type: string`.",
        ),
        Key::new(
            "min",
            Kind::Signed,
            "The least number; for a string the fewest characters.",
        ),
        Key::new(
            "max",
            Kind::Signed,
            "The greatest number; for a string the most characters, 1000 at most.",
        ),
    ]],
);
