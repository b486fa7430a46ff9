//! Keys of the stages that run containers.

use super::container::{COMMANDS, SHARED, SIDECAR};
use super::kind::{Key, Kind, Section, Status};

static AFTER: &[Key] = &[Key::new(
    "after",
    Kind::Choice(&["build"]),
    "`build`: the job runs between build and push. A job whose image is `BUILT_IMAGE` does so anyway.",
)];

/// `integration`.
pub(crate) static INTEGRATION: Section = Section::new(
    "integration",
    "Tests beside the services that they need. Container keys written here are one job; or write `jobs`.",
    &[
        &[
            Key::new("services", Kind::Map(&Kind::Section(&SIDECAR)), "Sidecars by name."),
            Key::new(
                "jobs",
                Kind::Map(&Kind::Section(&JOB)),
                "Jobs by name; in this version one before and one after build.",
            ),
        ],
        SHARED,
        COMMANDS,
        AFTER,
    ],
)
.sub_steps("write it beneath `integration.jobs`");

/// One entry of `integration.jobs`.
pub(crate) static JOB: Section = Section::new(
    "job",
    "A container that runs commands; its exit code is the verdict.",
    &[SHARED, COMMANDS, AFTER],
);

static DOCKERFILE_FORM: &[Key] = &[
    Key::new(
        "outputs",
        Kind::List(&Kind::Either(&[Kind::Text, Kind::Section(&OUTPUT)])),
        "What later stages see of this one.",
    ),
    Key::new(
        "dockerfile",
        Kind::Text,
        "The Dockerfile form: the file, relative to `context`.",
    )
    .default("Dockerfile"),
    Key::new("dockerfile_name", Kind::Text, "The original name of `dockerfile`.")
        .status(Status::OtherName("dockerfile")),
    Key::new(
        "context",
        Kind::Text,
        "The Dockerfile form: the folder that the build sees.",
    )
    .default("."),
    Key::new("context_dir", Kind::Text, "The original name of `context`.").status(Status::OtherName("context")),
    Key::new("target", Kind::Text, "The Dockerfile form: a stage of the file.").default("the last"),
    Key::new(
        "args",
        Kind::Map(&Kind::Scalar),
        "The Dockerfile form: build arguments. Values may hold `${NAME}`.",
    ),
];

/// `pre_build`.
pub(crate) static PRE_BUILD: Section = Section::new(
    "pre_build",
    "Compile in a full tool chain: an image with `commands`, or a Dockerfile, which wins when both are given.",
    &[SHARED, COMMANDS, DOCKERFILE_FORM],
)
.sub_steps("write all commands into one `commands` list, or use a Dockerfile with several stages");

/// One entry of `outputs`.
pub(crate) static OUTPUT: Section = Section::new(
    "output",
    "A file or folder that is copied out. A text alone is both, relative to the checkout.",
    &[&[
        Key::new(
            "from",
            Kind::Text,
            "In the container; a relative path begins at `/workspace`.",
        )
        .required(),
        Key::new("to", Kind::Text, "In the checkout of later stages, relative.").required(),
    ]],
);

/// `post_build`.
pub(crate) static POST_BUILD: Section = Section::new(
    "post_build",
    "A container after the push: static files to a CDN, notes.",
    &[SHARED, COMMANDS],
)
.sub_steps("write all commands into one `commands` list");
