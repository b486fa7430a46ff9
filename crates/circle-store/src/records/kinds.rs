//! The one table of kinds: which documents there are, how they are found, what is unique, what a list shows.
//!
//! Fields are JSON pointers into the body. An index orders by its fields, then by id. Every index is sparse. Times are
//! whole milliseconds since 1970, so that they order as they should; a state is an enum written as
//! `{"name": "queued", …}` and found by `/state/name`. Adding a kind, an index or a head field is adding a line: the
//! adapters build what is missing when they open.

use std::fmt;

/// What a document is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// Owns services, registries, targets, environments and secrets.
    Workspace,
    /// A repository with its pipeline.
    Service,
    /// Where images are pushed to.
    Registry,
    /// Where images are deployed to.
    Target,
    /// A named place to deploy to, with its rules.
    Environment,
    /// A sealed value.
    Secret,
    /// A webhook as it came in, before it is understood.
    Delivery,
    /// One passage of a commit through a pipeline.
    Run,
    /// One change of one workload by one run.
    Deployment,
    /// What a target is known to serve: the last good digest, and who changes it now.
    Workload,
    /// A machine that takes runs.
    Worker,
    /// An engine elsewhere on which workers are started, one for each run.
    Host,
    /// A hashed credential of a user, a worker or a run.
    Token,
    /// A stage's stored output and who still needs it.
    Blob,
    /// Somebody's shell in a run's cell.
    Shell,
    /// A forge as a workspace reaches it.
    Forge,
    /// What a call with an idempotency key was answered.
    Answer,
    /// A program elsewhere that is told of runs.
    Webhook,
    /// One message to one receiver, until it is delivered and for a while after.
    Notice,
    /// A standing wish for runs.
    Schedule,
    /// Somebody with an account.
    User,
    /// What somebody asked the server to change.
    Audit,
    /// What polling has seen of a service's repository.
    Poll,
    /// A value of the server itself, found by id only.
    Setting,
    /// A system that says who people are.
    IdentityProvider,
    /// Whose an account at an identity provider is.
    Identity,
    /// What polling has seen of a service's pull requests.
    PullPoll,
}

/// A declared order over the documents of one kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Index {
    /// Of which kind.
    pub kind: Kind,
    /// Its name within the kind; `by_id` is the order by id that every kind has.
    pub name: &'static str,
    /// JSON pointers, most significant first; none for `by_id`.
    pub fields: &'static [&'static str],
    /// Whether two documents may not have the same values.
    pub unique: bool,
}

/// A row of the table.
struct Row {
    kind: Kind,
    name: &'static str,
    head: &'static [&'static str],
    indexes: &'static [Index],
}

impl Kind {
    /// Every kind, in the order of declaration.
    pub fn all() -> impl Iterator<Item = Kind> {
        TABLE.iter().map(|row| row.kind)
    }

    /// The name in messages and in storage; never changes.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The pointers whose values make a [`super::Head`].
    pub fn head(self) -> &'static [&'static str] {
        self.row().head
    }

    /// The declared indexes, without `by_id`.
    pub fn indexes(self) -> &'static [Index] {
        self.row().indexes
    }

    /// The order by id that every kind has.
    pub const fn by_id(self) -> Index {
        Index {
            kind: self,
            name: "by_id",
            fields: &[],
            unique: true,
        }
    }

    fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

const fn unique(kind: Kind, name: &'static str, fields: &'static [&'static str]) -> Index {
    Index {
        kind,
        name,
        fields,
        unique: true,
    }
}

const fn ordered(kind: Kind, name: &'static str, fields: &'static [&'static str]) -> Index {
    Index {
        kind,
        name,
        fields,
        unique: false,
    }
}

/// A workspace by name.
pub const WORKSPACE_NAME: Index = unique(Kind::Workspace, "name", &["/name"]);
/// A service by workspace and name; equality on the workspace lists its services.
pub const SERVICE_NAME: Index = unique(Kind::Service, "name", &["/workspace", "/name"]);
/// Services that fetch from one place, for hooks that name no service.
pub const SERVICE_REPOSITORY: Index = ordered(Kind::Service, "repository", &["/repository"]);
/// Services that are polled.
pub const SERVICE_POLL: Index = ordered(Kind::Service, "poll", &["/poll_s"]);
/// A registry by workspace and name.
pub const REGISTRY_NAME: Index = unique(Kind::Registry, "name", &["/workspace", "/name"]);
/// A target by workspace and name.
pub const TARGET_NAME: Index = unique(Kind::Target, "name", &["/workspace", "/name"]);
/// An environment by workspace and name.
pub const ENVIRONMENT_NAME: Index = unique(Kind::Environment, "name", &["/workspace", "/name"]);
/// A secret by workspace, scope and name.
pub const SECRET_NAME: Index = unique(Kind::Secret, "name", &["/workspace", "/scope", "/name"]);
/// A delivery by what the forge calls it: a second one is refused.
pub const DELIVERY_FORGE: Index = unique(Kind::Delivery, "forge", &["/forge", "/delivery_id"]);
/// Deliveries that wait to be understood.
pub const DELIVERY_STATE: Index = ordered(Kind::Delivery, "state", &["/state/name", "/received_at"]);
/// The deliveries of a service.
pub const DELIVERY_SERVICE: Index = ordered(Kind::Delivery, "service", &["/service", "/received_at"]);
/// The deliveries of a workspace.
pub const DELIVERY_WORKSPACE: Index = ordered(Kind::Delivery, "workspace", &["/workspace", "/received_at"]);
/// One run a trigger, however often the delivery is handled.
pub const RUN_TRIGGER: Index = unique(Kind::Run, "trigger", &["/service", "/trigger_key"]);
/// The number that people call a run by.
pub const RUN_NUMBER: Index = unique(Kind::Run, "number", &["/service", "/number"]);
/// The ready queue: state, then fair share's order.
pub const RUN_READY: Index = ordered(
    Kind::Run,
    "ready",
    &["/state/name", "/workspace", "/service", "/priority", "/created_at"],
);
/// The runs of a service by time.
pub const RUN_SERVICE: Index = ordered(Kind::Run, "service", &["/service", "/created_at"]);
/// The runs of a workspace by time.
pub const RUN_WORKSPACE: Index = ordered(Kind::Run, "workspace", &["/workspace", "/created_at"]);
/// All runs by time.
pub const RUN_CREATED: Index = ordered(Kind::Run, "created", &["/created_at"]);
/// Runs in a state by their last change, for reconcilers.
pub const RUN_STATE: Index = ordered(Kind::Run, "state", &["/state/name", "/updated_at"]);
/// Runs whose outbox has something due; the field is null when the outbox is empty.
pub const RUN_OUTBOX: Index = ordered(Kind::Run, "outbox", &["/outbox_due"]);
/// The deployments of a run.
pub const DEPLOYMENT_RUN: Index = ordered(Kind::Deployment, "run", &["/run"]);
/// Who changes a workload, or waits to.
pub const DEPLOYMENT_LOCK: Index = ordered(Kind::Deployment, "lock", &["/lock", "/state/name"]);
/// Deployments in a state by their last change, for reconcilers.
pub const DEPLOYMENT_STATE: Index = ordered(Kind::Deployment, "state", &["/state/name", "/updated_at"]);
/// The history of an environment.
pub const DEPLOYMENT_ENVIRONMENT: Index = ordered(Kind::Deployment, "environment", &["/environment", "/created_at"]);
/// A workload by its lock key: what it serves and who holds it.
pub const WORKLOAD_LOCK: Index = unique(Kind::Workload, "lock", &["/lock"]);
/// The workloads of an environment.
pub const WORKLOAD_ENVIRONMENT: Index = ordered(Kind::Workload, "environment", &["/environment", "/lock"]);
/// A worker by name.
pub const WORKER_NAME: Index = unique(Kind::Worker, "name", &["/name"]);
/// Workers in a state.
pub const WORKER_STATE: Index = ordered(Kind::Worker, "state", &["/state/name", "/name"]);
/// Workers that were started on a host.
pub const WORKER_HOST: Index = ordered(Kind::Worker, "host", &["/posting/host"]);
/// A host by name.
pub const HOST_NAME: Index = unique(Kind::Host, "name", &["/name"]);
/// A token by the hash of what was presented.
pub const TOKEN_HASH: Index = unique(Kind::Token, "hash", &["/hash"]);
/// Tokens of a kind.
pub const TOKEN_KIND: Index = ordered(Kind::Token, "kind", &["/kind", "/created_at"]);
/// Tokens that die, for cleaning up.
pub const TOKEN_EXPIRES: Index = ordered(Kind::Token, "expires", &["/expires_at"]);
/// The stored outputs of a run.
pub const BLOB_RUN: Index = ordered(Kind::Blob, "run", &["/run", "/stage"]);
/// Who still names a digest.
pub const BLOB_DIGEST: Index = ordered(Kind::Blob, "digest", &["/digest"]);
/// Stored outputs by age, for retention.
pub const BLOB_CREATED: Index = ordered(Kind::Blob, "created", &["/created_at"]);

/// Shells in the cells of a run, in their order.
pub const SHELL_RUN: Index = ordered(Kind::Shell, "run", &["/run", "/opened_at"]);

/// A forge by workspace and name.
pub const FORGE_NAME: Index = unique(Kind::Forge, "name", &["/workspace", "/name"]);
/// Answers that nobody may ask for again, for cleaning up.
pub const ANSWER_EXPIRES: Index = ordered(Kind::Answer, "expires", &["/expires_at"]);

/// Runs whose end was not turned into notices yet; the field is null afterwards.
pub const RUN_NOTICES: Index = ordered(Kind::Run, "notices", &["/notices_due"]);
/// A webhook by service and name.
pub const WEBHOOK_NAME: Index = unique(Kind::Webhook, "name", &["/service", "/name"]);
/// Notices to be tried; the field is null when nothing is to be done.
pub const NOTICE_DUE: Index = ordered(Kind::Notice, "due", &["/due"]);
/// The notices of a service by time.
pub const NOTICE_SERVICE: Index = ordered(Kind::Notice, "service", &["/service", "/created_at"]);
/// Notices by time, for retention.
pub const NOTICE_CREATED: Index = ordered(Kind::Notice, "created", &["/created_at"]);

/// The schedules of a service by name.
pub const SCHEDULE_NAME: Index = unique(Kind::Schedule, "name", &["/service", "/name"]);
/// Schedules by when they are due; the field is null while one is paused.
pub const SCHEDULE_DUE: Index = ordered(Kind::Schedule, "due", &["/due"]);

/// A user by name.
pub const USER_NAME: Index = unique(Kind::User, "name", &["/name"]);
/// The tokens, sessions and links of a user.
pub const TOKEN_OWNER: Index = ordered(Kind::Token, "owner", &["/owner", "/kind", "/created_at"]);
/// What may be redeemed for a place in a workspace.
pub const TOKEN_WORKSPACE: Index = ordered(Kind::Token, "workspace", &["/workspace", "/kind", "/created_at"]);
/// Everything that was asked, by time.
pub const AUDIT_AT: Index = ordered(Kind::Audit, "at", &["/at"]);
/// What was asked of a workspace, by time.
pub const AUDIT_WORKSPACE: Index = ordered(Kind::Audit, "workspace", &["/workspace", "/at"]);

/// What is looked at next.
pub const POLL_DUE: Index = ordered(Kind::Poll, "due", &["/due"]);
/// Whose pull requests are looked at next.
pub const PULL_POLL_DUE: Index = ordered(Kind::PullPoll, "due", &["/due"]);
/// An identity provider by name.
pub const IDENTITY_PROVIDER_NAME: Index = unique(Kind::IdentityProvider, "name", &["/name"]);
/// An identity by what the provider calls it for ever; equality on the provider lists its identities.
pub const IDENTITY_SUBJECT: Index = unique(Kind::Identity, "subject", &["/provider", "/subject"]);
/// The identities of a user.
pub const IDENTITY_USER: Index = ordered(Kind::Identity, "user", &["/user"]);

const NAMED: &[&str] = &["/name", "/workspace", "/created_at"];

// In the order of the enum; a test holds them together.
const TABLE: &[Row] = &[
    Row {
        kind: Kind::Workspace,
        name: "workspace",
        head: NAMED,
        indexes: &[WORKSPACE_NAME],
    },
    Row {
        kind: Kind::Service,
        name: "service",
        head: &["/name", "/workspace", "/created_at", "/repository", "/forge"],
        indexes: &[SERVICE_NAME, SERVICE_REPOSITORY, SERVICE_POLL],
    },
    Row {
        kind: Kind::Registry,
        name: "registry",
        head: NAMED,
        indexes: &[REGISTRY_NAME],
    },
    Row {
        kind: Kind::Target,
        name: "target",
        head: NAMED,
        indexes: &[TARGET_NAME],
    },
    Row {
        kind: Kind::Environment,
        name: "environment",
        head: NAMED,
        indexes: &[ENVIRONMENT_NAME],
    },
    Row {
        kind: Kind::Secret,
        name: "secret",
        head: &["/name", "/workspace", "/scope", "/created_at", "/updated_at"],
        indexes: &[SECRET_NAME],
    },
    Row {
        kind: Kind::Delivery,
        name: "delivery",
        head: &["/forge", "/delivery_id", "/service", "/received_at", "/state/name"],
        indexes: &[DELIVERY_FORGE, DELIVERY_STATE, DELIVERY_SERVICE, DELIVERY_WORKSPACE],
    },
    Row {
        kind: Kind::Run,
        name: "run",
        head: &[
            "/workspace",
            "/service",
            "/number",
            "/trigger_key",
            "/state/name",
            "/priority",
            "/title",
            "/ref",
            "/commit",
            "/concurrency",
            "/queue_deadline",
            "/run/trigger/trust",
            "/created_at",
            "/updated_at",
            "/started_at",
            "/ended_at",
            "/outbox_due",
        ],
        indexes: &[
            RUN_TRIGGER,
            RUN_NUMBER,
            RUN_READY,
            RUN_SERVICE,
            RUN_WORKSPACE,
            RUN_CREATED,
            RUN_STATE,
            RUN_OUTBOX,
            RUN_NOTICES,
        ],
    },
    Row {
        kind: Kind::Deployment,
        name: "deployment",
        head: &[
            "/run",
            "/lock",
            "/environment",
            "/state/name",
            "/created_at",
            "/updated_at",
            "/digest",
        ],
        indexes: &[
            DEPLOYMENT_RUN,
            DEPLOYMENT_LOCK,
            DEPLOYMENT_STATE,
            DEPLOYMENT_ENVIRONMENT,
        ],
    },
    Row {
        kind: Kind::Workload,
        name: "workload",
        head: &["/lock", "/environment", "/digest", "/holder", "/updated_at"],
        indexes: &[WORKLOAD_LOCK, WORKLOAD_ENVIRONMENT],
    },
    Row {
        kind: Kind::Worker,
        name: "worker",
        head: &["/name", "/state/name", "/seen_at"],
        indexes: &[WORKER_NAME, WORKER_STATE, WORKER_HOST],
    },
    Row {
        kind: Kind::Host,
        name: "host",
        head: NAMED,
        indexes: &[HOST_NAME],
    },
    Row {
        kind: Kind::Token,
        name: "token",
        head: &["/kind", "/name", "/created_at", "/expires_at"],
        indexes: &[TOKEN_HASH, TOKEN_KIND, TOKEN_EXPIRES, TOKEN_OWNER, TOKEN_WORKSPACE],
    },
    Row {
        kind: Kind::Blob,
        name: "blob",
        head: &["/run", "/stage", "/digest", "/size", "/created_at"],
        indexes: &[BLOB_RUN, BLOB_DIGEST, BLOB_CREATED],
    },
    Row {
        kind: Kind::Shell,
        name: "shell",
        head: &["/run", "/actor", "/worker", "/opened_at"],
        indexes: &[SHELL_RUN],
    },
    Row {
        kind: Kind::Forge,
        name: "forge",
        head: NAMED,
        indexes: &[FORGE_NAME],
    },
    Row {
        kind: Kind::Answer,
        name: "answer",
        head: &[],
        indexes: &[ANSWER_EXPIRES],
    },
    Row {
        kind: Kind::Webhook,
        name: "webhook",
        head: &["/name", "/workspace", "/service", "/created_at"],
        indexes: &[WEBHOOK_NAME],
    },
    Row {
        kind: Kind::Notice,
        name: "notice",
        head: &["/service", "/due", "/created_at"],
        indexes: &[NOTICE_DUE, NOTICE_SERVICE, NOTICE_CREATED],
    },
    Row {
        kind: Kind::Schedule,
        name: "schedule",
        head: &["/name", "/service", "/due"],
        indexes: &[SCHEDULE_NAME, SCHEDULE_DUE],
    },
    Row {
        kind: Kind::User,
        name: "user",
        head: &["/name", "/created_at"],
        indexes: &[USER_NAME],
    },
    Row {
        kind: Kind::Audit,
        name: "audit",
        head: &["/at", "/actor", "/action", "/workspace"],
        indexes: &[AUDIT_AT, AUDIT_WORKSPACE],
    },
    Row {
        kind: Kind::Poll,
        name: "poll",
        head: &["/due", "/origin"],
        indexes: &[POLL_DUE],
    },
    Row {
        kind: Kind::Setting,
        name: "setting",
        head: &[],
        indexes: &[],
    },
    Row {
        kind: Kind::IdentityProvider,
        name: "identity_provider",
        head: &["/name", "/created_at"],
        indexes: &[IDENTITY_PROVIDER_NAME],
    },
    Row {
        kind: Kind::Identity,
        name: "identity",
        head: &["/provider", "/user"],
        indexes: &[IDENTITY_SUBJECT, IDENTITY_USER],
    },
    Row {
        kind: Kind::PullPoll,
        name: "pull_poll",
        head: &["/due", "/connection"],
        indexes: &[PULL_POLL_DUE],
    },
];

#[cfg(test)]
mod tests {
    use super::{Kind, TABLE};

    #[test]
    fn every_kind_stands_in_its_own_row() {
        for (place, row) in TABLE.iter().enumerate() {
            assert_eq!(row.kind as usize, place, "{} is declared out of order", row.name);
            assert!(
                row.indexes.iter().all(|index| index.kind == row.kind),
                "{} has a foreign index",
                row.name
            );
        }
        assert_eq!(TABLE.len(), Kind::PullPoll as usize + 1);
    }

    #[test]
    fn names_are_not_used_twice() {
        for row in TABLE {
            let mut names: Vec<_> = row.indexes.iter().map(|index| index.name).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), row.indexes.len(), "{} names an index twice", row.name);
            assert!(!names.contains(&"by_id"), "{} takes the name by_id", row.name);
        }
    }

    #[test]
    fn fields_are_json_pointers() {
        let fields = TABLE
            .iter()
            .flat_map(|row| row.indexes.iter().flat_map(|index| index.fields).chain(row.head));
        for field in fields {
            assert!(
                field.starts_with('/') && !field.ends_with('/'),
                "{field} is no JSON pointer"
            );
        }
    }
}
