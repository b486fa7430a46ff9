//! Keys of `triggers` and `concurrency`.

use super::kind::{Key, Kind, Section};

const WAYS: Kind = Kind::Choice(&["queue", "cancel_running", "parallel"]);

/// One rule of `triggers`.
pub(crate) static TRIGGER: Section = Section::new(
    "trigger",
    "A rule. The first that matches wins; when none matches, nothing runs.",
    &[&[
        Key::new(
            "event",
            Kind::Choice(&["push", "tag", "pull_request", "manual", "schedule"]),
            "What happened. Without a rule for `manual`, a run by hand counts as a push of its ref.",
        )
        .required(),
        Key::new(
            "branches",
            Kind::List(&Kind::Text),
            "Patterns of the branch; `!` in front takes out again.",
        )
        .default("every branch"),
        Key::new(
            "tags",
            Kind::List(&Kind::Scalar),
            "Patterns of the tag; only for `event: tag`.",
        )
        .default("every tag"),
        Key::new(
            "into",
            Kind::List(&Kind::Text),
            "Patterns of the branch that a pull request wants to change.",
        )
        .default("every branch"),
        Key::new(
            "paths",
            Kind::List(&Kind::Text),
            "Patterns of changed files; `!` in front takes out again.",
        )
        .default("every file"),
        Key::new(
            "stages",
            Kind::Either(&[
                Kind::Choice(&["all"]),
                Kind::List(&Kind::Choice(&[
                    "integration",
                    "pre_build",
                    "build",
                    "post_build",
                    "deploy",
                ])),
            ]),
            "Which stages run.",
        )
        .default("all"),
        Key::new(
            "push",
            Kind::Choice(&["auto", "never"]),
            "`never`: images are built and not pushed.",
        )
        .default("auto"),
        Key::new(
            "cron",
            Kind::Text,
            "When, for `event: schedule`: minute, hour, day of the month, month, day of the week. Only the default branch's file counts.",
        ),
        Key::new("zone", Kind::Text, "The time zone of `cron`, such as `Asia/Shanghai`.").default("UTC"),
    ]],
);

/// `concurrency`.
pub(crate) static CONCURRENCY: Section = Section::new(
    "concurrency",
    "What a new run does while an older one of the same ref is at work.",
    &[&[
        Key::new("pull_request", WAYS, "For pull requests.").default("cancel_running"),
        Key::new("branch", WAYS, "For branches.").default("queue"),
        Key::new("tag", WAYS, "For tags.").default("queue"),
    ]],
);
