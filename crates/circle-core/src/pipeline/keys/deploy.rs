//! Keys of `deploy`.

use super::kind::{Key, Kind, Section, Status};

const ON_THE_SERVER: &str = "targets live on the server: make one with `circle target add` and `circle environment add`, and write `environment: NAME` here";
const WORKLOAD: &str = "the workload of a service is part of its environment on the server: set it there, and write `environment: NAME` here";

/// One step of `deploy`.
pub(crate) static DEPLOY: Section = Section::new(
    "step",
    "A deployment. The environment on the server decides what is really done; the file can only narrow it.",
    &[&[
        Key::new("environment", Kind::Text, "The environment's name on the server.").required(),
        Key::new("image", Kind::Text, "The image's name beneath `build.images`.").default("the only one"),
        Key::new(
            "needs",
            Kind::List(&Kind::Text),
            "Environments of this list that must have succeeded before.",
        ),
        Key::new(
            "verify",
            Kind::Section(&VERIFY),
            "A check from outside after the rollout.",
        ),
        Key::new(
            "approval",
            Kind::Choice(&["none", "required"]),
            "Whether somebody must agree.",
        )
        .default("none")
        .not_yet("nobody can be asked in this version; leave the step out and deploy by hand"),
        Key::refused("type", Status::Original(ON_THE_SERVER)),
        Key::refused("host", Status::Original(ON_THE_SERVER)),
        Key::refused("cluster", Status::Original(ON_THE_SERVER)),
        Key::refused("clusters", Status::Original(ON_THE_SERVER)),
        Key::refused("namespace", Status::Original(ON_THE_SERVER)),
        Key::refused("partition", Status::Original(ON_THE_SERVER)),
        Key::refused("application", Status::Original(WORKLOAD)),
        Key::refused("deployment", Status::Original(WORKLOAD)),
        Key::refused("containers", Status::Original(WORKLOAD)),
        Key::refused(
            "token",
            Status::Credential(
                "revoke it, since whoever reads the repository has it; then give the new one to `circle target add`",
            ),
        ),
    ]],
);

/// `verify`.
pub(crate) static VERIFY: Section = Section::new(
    "verify",
    "A check of the deployed service.",
    &[&[
        Key::new("http", Kind::Text, "A path that must answer 2xx.").required(),
        Key::new("within", Kind::Duration, "How long it may take, at most 1h.").default("60s"),
    ]],
);
