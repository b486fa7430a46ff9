//! Keys of `build`.

use super::container::RETRY;
use super::kind::{Key, Kind, Section, Status};

static IMAGE_KEYS: &[Key] = &[
    Key::new(
        "repository",
        Kind::Text,
        "Where it is pushed: a registry's name in the workspace, a slash, the path. May hold `${NAME}`.",
    )
    .default("the service's own"),
    Key::new("context", Kind::Text, "The folder that the build sees.").default("."),
    Key::new("context_dir", Kind::Text, "The original name of `context`.").status(Status::OtherName("context")),
    Key::new("dockerfile", Kind::Text, "The Dockerfile, relative to `context`.").default("Dockerfile"),
    Key::new("dockerfile_name", Kind::Text, "The original name of `dockerfile`.")
        .status(Status::OtherName("dockerfile")),
    Key::new("target", Kind::Text, "A stage of the Dockerfile.").default("the last"),
    Key::new(
        "args",
        Kind::Map(&Kind::Scalar),
        "Build arguments. Values may hold `${NAME}`.",
    ),
    Key::new("tags", Kind::List(&Kind::Scalar), "Tags. They may hold `${NAME}`.").default("[\"${CIRCLE_VERSION}\"]"),
    Key::new("labels", Kind::Map(&Kind::Scalar), "Labels. Values may hold `${NAME}`."),
    Key::new(
        "secrets",
        Kind::List(&Kind::Text),
        "Build secrets for `RUN --mount=type=secret,id=NAME`; they never reach a layer.",
    ),
    Key::new("platforms", Kind::List(&Kind::Text), "Platforms such as `linux/arm64`.")
        .not_yet("images are built for the worker's own platform in this version; remove the key"),
];

/// One entry of `build.images`.
pub(crate) static IMAGE: Section = Section::new("image", "An image to build and push.", &[IMAGE_KEYS]);

/// `build`.
pub(crate) static BUILD: Section = Section::new(
    "build",
    "Pack, test, push. Image keys written here are one image; or write `images`.",
    &[
        &[
            Key::new("images", Kind::Map(&Kind::Section(&IMAGE)), "Images by name."),
            Key::new(
                "timeout",
                Kind::Duration,
                "The longest that the stage may take, at most 3h.",
            )
            .default("60m"),
            Key::new("retry", Kind::Section(&RETRY), "How often the stage is tried."),
            Key::new("scan", Kind::Section(&SCAN), "How severe a vulnerability may be.")
                .not_yet("images are not scanned in this version; remove the key"),
        ],
        IMAGE_KEYS,
    ],
)
.sub_steps("write it beneath `build.images`");

static SCAN: Section = Section::new(
    "scan",
    "Only stricter than the workspace's floor.",
    &[&[
        Key::new(
            "fail_on",
            Kind::Choice(&["low", "medium", "high", "critical"]),
            "The least severity that fails the run.",
        ),
        Key::new("only_fixable", Kind::Bool, "Count only what an update would mend.").default("false"),
    ]],
);
