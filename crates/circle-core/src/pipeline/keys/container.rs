//! Keys of containers: jobs and sidecars share most of them.

use super::kind::{Key, Kind, Section, Status};
use crate::pipeline::bounds::{MAX_PIDS, MAX_TRIES};

/// The one value of keys that share a namespace.
const HOST: Kind = Kind::Choice(&["host"]);

/// Keys that every container takes.
pub(super) static SHARED: &[Key] = &[
    Key::new(
        "image",
        Kind::Text,
        "The image, such as `golang:1.24` or `BUILT_IMAGE.web` for one that this run built. May hold `${NAME}`.",
    ),
    Key::new(
        "use",
        Kind::Map(&Kind::Anything),
        "A map, mostly an alias, whose keys count where this map does not have them.",
    ),
    Key::new(
        "environment",
        Kind::Either(&[Kind::Map(&Kind::Scalar), Kind::List(&Kind::Text)]),
        "Environment as a map, or as a list of `NAME=value`. Values may hold `${NAME}`.",
    ),
    Key::new("user", Kind::Scalar, "User, or `user:group`, by name or number.").default("the image's"),
    Key::new(
        "volumes",
        Kind::List(&Kind::Text),
        "Folders of the checkout in the container: `./path:/in/container`, or `…:ro`. An absolute path is one of the run's cell, only where the workspace's policy allows it.",
    ),
    Key::new(
        "tmpfs",
        Kind::List(&Kind::Text),
        "Absolute paths that are kept in memory.",
    ),
    Key::new(
        "secrets",
        Kind::List(&Kind::Either(&[Kind::Text, Kind::Section(&SECRET)])),
        "Secrets on the server that this container is given: a name as environment, a map as a file.",
    ),
    Key::new(
        "resources",
        Kind::Section(&RESOURCES),
        "Bounds of this container beneath those of the run.",
    ),
    Key::new("mem_limit", Kind::Size, "The original name of `resources.memory`.")
        .status(Status::OtherName("resources.memory")),
    Key::new(
        "extra_hosts",
        Kind::Either(&[Kind::List(&Kind::Text), Kind::Map(&Kind::Text)]),
        "Names beside those of the network: `name:address`.",
    ),
    Key::new("dns", Kind::List(&Kind::Text), "Addresses of name servers.").default("those of the run"),
    Key::new(
        "links",
        Kind::List(&Kind::Text),
        "Sidecars under other names: `sidecar:alias`. Under its own name a sidecar answers without it.",
    ),
    Key::new(
        "ports",
        Kind::List(&Kind::Port),
        "TCP ports that the container answers on, within the stage's network.",
    ),
    Key::new(
        "privileged",
        Kind::Bool,
        "Full rights. Only where the workspace's policy allows it.",
    )
    .default("false"),
    Key::new(
        "devices",
        Kind::List(&Kind::Text),
        "Devices beneath `/dev`. Only where the workspace's policy allows them.",
    ),
    Key::new(
        "cap_add",
        Kind::List(&Kind::Text),
        "Capabilities such as `NET_ADMIN`. Only where the workspace's policy allows them.",
    ),
    Key::new(
        "cap_drop",
        Kind::List(&Kind::Text),
        "Capabilities that the container does without.",
    ),
    Key::new(
        "security_opt",
        Kind::List(&Kind::Text),
        "`no-new-privileges`; others, such as `seccomp=unconfined`, only where the workspace's policy allows them.",
    ),
    Key::new(
        "network_mode",
        HOST,
        "The network of the run's cell. Only where the workspace's policy allows it.",
    ),
    Key::new(
        "pid",
        HOST,
        "The processes of the run's cell. Only where the workspace's policy allows it.",
    ),
    Key::new(
        "ipc",
        HOST,
        "Shared memory of the run's cell. Only where the workspace's policy allows it.",
    ),
    Key::new(
        "uts",
        HOST,
        "The host name of the run's cell. Only where the workspace's policy allows it.",
    ),
    Key::new(
        "userns_mode",
        HOST,
        "Users without remapping. Only where the workspace's policy allows it.",
    ),
    Key::new(
        "cgroup",
        HOST,
        "The control groups of the run's cell. Only where the workspace's policy allows it.",
    ),
    Key::refused(
        "net",
        Status::Original(
            "remove it: all containers of a stage share one network and reach each other by name; `net: host` is `network_mode: host` here",
        ),
    ),
];

/// Keys of containers that run commands of the file.
pub(super) static COMMANDS: &[Key] = &[
    Key::new(
        "commands",
        Kind::List(&Kind::Scalar),
        "Run one after the other in one shell; the first that fails ends the stage.",
    ),
    Key::new(
        "finally",
        Kind::List(&Kind::Scalar),
        "Always run afterwards; they never change the verdict.",
    ),
    Key::new(
        "shell",
        Kind::Choice(&["sh", "bash"]),
        "The shell of `commands`; `bash` also fails on a failing pipe.",
    )
    .default("sh"),
    Key::new("working_dir", Kind::Text, "Where commands begin, an absolute path.").default("/workspace"),
    Key::new(
        "caches",
        Kind::List(&Kind::Either(&[Kind::Text, Kind::Section(&CACHE)])),
        "Folders that are kept between runs of the service.",
    ),
    Key::new(
        "timeout",
        Kind::Duration,
        "The longest that the stage may take, at most 3h.",
    )
    .default("60m"),
    Key::new("retry", Kind::Section(&RETRY), "How often the stage is tried."),
    Key::new(
        "docker",
        Kind::Bool,
        "The socket of this run's own daemon, at `/var/run/docker.sock`, behind a filter that gives no further rights.",
    )
    .default("false"),
    Key::new("matrix", Kind::Section(&MATRIX), "The job once for each combination.")
        .not_yet("a job runs once in this version; write the values that matter most into `environment`"),
    Key::new(
        "reports",
        Kind::Map(&Kind::List(&Kind::Text)),
        "Files with test results, by form.",
    )
    .not_yet("test results are not read in this version; print them in `finally`"),
    Key::new(
        "artifacts",
        Kind::List(&Kind::Section(&ARTIFACT)),
        "Files that are kept for download.",
    )
    .not_yet("files are not kept for download in this version; copy them out in `commands`"),
    Key::new(
        "id_tokens",
        Kind::Map(&Kind::Anything),
        "Tokens that prove the run's identity to others.",
    )
    .not_yet("runs have no identity tokens in this version; use `secrets`"),
    Key::refused(
        "command",
        Status::Misplaced("`command` belongs to sidecars: write `commands`, a list, here"),
    ),
    Key::refused(
        "entrypoint",
        Status::Misplaced("`entrypoint` belongs to sidecars: write `commands`, a list, here"),
    ),
    Key::refused(
        "ready",
        Status::Misplaced("`ready` belongs to sidecars beneath `integration.services`"),
    ),
];

static SIDECAR_ONLY: &[Key] = &[
    Key::new(
        "command",
        Kind::Either(&[Kind::Text, Kind::List(&Kind::Scalar)]),
        "What runs, in place of the image's own command.",
    ),
    Key::new(
        "entrypoint",
        Kind::Either(&[Kind::Text, Kind::List(&Kind::Scalar)]),
        "In place of the image's own entry point.",
    ),
    Key::new("ready", Kind::Section(&READY), "When the sidecar counts as ready.")
        .default("the image's health check, else its lowest exposed TCP port, else at once"),
    Key::refused(
        "commands",
        Status::Misplaced("a sidecar runs one command: write `command`; commands of a test belong to a job"),
    ),
    Key::refused(
        "timeout",
        Status::Misplaced("write `ready: {timeout: …}` for the wait; a sidecar itself lives as long as its stage"),
    ),
];

/// A service container beside a job.
pub(crate) static SIDECAR: Section = Section::new(
    "sidecar",
    "A container that an integration job needs beside it. Its name is its address.",
    &[SHARED, SIDECAR_ONLY],
);

/// `resources`.
pub(crate) static RESOURCES: Section = Section::new(
    "resources",
    "Bounds of one container.",
    &[&[
        Key::new("memory", Kind::Size, "Memory, at least 6m."),
        Key::new("cpus", Kind::Number, "Cores, such as 0.5."),
        Key::new(
            "pids",
            Kind::Integer { min: 1, max: MAX_PIDS },
            "Processes and threads.",
        ),
    ]],
);

/// `retry`.
pub(crate) static RETRY: Section = Section::new(
    "retry",
    "How often a stage is tried.",
    &[&[
        Key::new(
            "max",
            Kind::Integer {
                min: 1,
                max: MAX_TRIES as u64,
            },
            "Tries in all, the first included.",
        )
        .default("1"),
        Key::new(
            "when",
            Kind::Choice(&["infrastructure", "always"]),
            "`infrastructure`: when a pull, the engine or the worker failed; `always`: also when a command failed.",
        )
        .default("infrastructure"),
    ]],
);

/// One entry of `secrets`.
pub(crate) static SECRET: Section = Section::new(
    "secret",
    "A secret as a file in memory, for the container's user alone to read. A text alone is a variable of the environment.",
    &[&[
        Key::new("name", Kind::Text, "Its name on the server.").required(),
        Key::new("file", Kind::Text, "Its path, directly in `/run/secrets`.").required(),
    ]],
);

/// One entry of `caches`.
pub(crate) static CACHE: Section = Section::new(
    "cache",
    "A folder that is kept between runs. A text alone is its path.",
    &[&[
        Key::new("path", Kind::Text, "An absolute path in the container.").required(),
        Key::new(
            "key",
            Kind::List(&Kind::Text),
            "Files of the checkout; when they change, the folder begins empty.",
        ),
    ]],
);

/// `ready`.
pub(crate) static READY: Section = Section::new(
    "ready",
    "When a sidecar counts as ready: one of the first five, and how long to wait.",
    &[&[
        Key::new("tcp", Kind::Port, "This port accepts a connection."),
        Key::new(
            "http",
            Kind::Either(&[Kind::Text, Kind::Section(&HTTP)]),
            "A GET answers 2xx or 3xx: `8080/healthz`, or a map.",
        ),
        Key::new(
            "exec",
            Kind::Either(&[Kind::Text, Kind::List(&Kind::Scalar)]),
            "A command in the container exits 0.",
        ),
        Key::new("log", Kind::Text, "A line of its log contains this text."),
        Key::new("healthcheck", Kind::Bool, "The image's own health check."),
        Key::new("timeout", Kind::Duration, "How long to wait, at most 1h.").default("60s"),
    ]],
);

/// `ready.http` as a map.
pub(crate) static HTTP: Section = Section::new(
    "http",
    "Where to ask.",
    &[&[
        Key::new("port", Kind::Port, "The port.").required(),
        Key::new("path", Kind::Text, "The path.").default("/"),
    ]],
);

static MATRIX: Section = Section::new(
    "matrix",
    "A job for each combination of values.",
    &[&[
        Key::new("axes", Kind::Map(&Kind::List(&Kind::Scalar)), "Names and their values.").required(),
        Key::new(
            "max_parallel",
            Kind::Integer { min: 1, max: 64 },
            "How many run at the same time.",
        ),
    ]],
);

static ARTIFACT: Section = Section::new(
    "artifact",
    "Files that are kept.",
    &[&[
        Key::new("path", Kind::Text, "A pattern in the checkout.").required(),
        Key::new("keep", Kind::Duration, "How long.").default("14d"),
    ]],
);
