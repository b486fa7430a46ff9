//! Identifiers: one newtype per kind of thing, ordered by time of creation.
//!
//! The text form is `<prefix>_<32 hex digits>`; parsing refuses any other prefix, so an id of one kind can never be
//! taken for another. Ids are minted at the edge (UUIDv7) and only carried here.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// Why a text is not an id of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is not {wanted} id: write {prefix}_ and 32 hex digits")]
pub struct IdError {
    text: String,
    wanted: &'static str,
    prefix: &'static str,
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal, $wanted:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// What stands before the underscore.
            pub const PREFIX: &'static str = $prefix;

            /// Wraps a UUID, normally a version 7 one that was just made.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The bare UUID.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(out, "{}_{}", $prefix, self.0.simple())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, out)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                parse(text, $prefix).map(Self).ok_or_else(|| IdError {
                    text: text.chars().take(80).collect(),
                    wanted: $wanted,
                    prefix: $prefix,
                })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

ids! {
    /// A tenant.
    WorkspaceId = "ws", "a workspace";
    /// One repository, or a folder of one, with its settings.
    ServiceId = "svc", "a service";
    /// One webhook call as received.
    DeliveryId = "dlv", "a delivery";
    /// One execution of a pipeline.
    RunId = "run", "a run";
    /// One change of one workload on one target.
    DeploymentId = "dep", "a deployment";
    /// A named place to deploy to.
    EnvironmentId = "env", "an environment";
    /// Where images are deployed.
    TargetId = "tgt", "a target";
    /// Where images are pushed.
    RegistryId = "reg", "a registry";
    /// A sealed value.
    SecretId = "sec", "a secret";
    /// A process that owns cells.
    WorkerId = "wrk", "a worker";
    /// An engine elsewhere on which workers are started.
    HostId = "hst", "a host";
    /// One terminal in the held cell of a run.
    ShellId = "shl", "a shell";
    /// A question that the server asked a worker.
    QuestionId = "qst", "a question";
    /// A link to a forge.
    ForgeId = "frg", "a forge connection";
    /// One message to one receiver.
    NoticeId = "ntc", "a notice";
    /// A program elsewhere that is told of runs.
    WebhookId = "whk", "a webhook";
    /// A standing wish for runs.
    ScheduleId = "sch", "a schedule";
    /// A credential for the API.
    TokenId = "tok", "a token";
    /// One line of the audit.
    AuditId = "aud", "an entry of the audit";
    /// Somebody with an account.
    UserId = "usr", "a user";
    /// A system that says who people are.
    IdentityProviderId = "idp", "an identity provider";
    /// Somebody's account at an identity provider.
    IdentityId = "idn", "an identity";
}

fn parse(text: &str, prefix: &str) -> Option<Uuid> {
    let hex = text.strip_prefix(prefix)?.strip_prefix('_')?;
    if hex.len() != 32 {
        return None;
    }
    Uuid::try_parse(hex).ok()
}

#[cfg(test)]
mod tests {
    use super::{RunId, ServiceId};
    use uuid::Uuid;

    #[test]
    fn an_id_reads_back_what_it_prints() {
        let id = RunId::from_uuid(Uuid::from_u128(7));
        assert_eq!(id.to_string().parse::<RunId>(), Ok(id));
    }

    #[test]
    fn an_id_of_another_kind_is_refused() {
        let id = ServiceId::from_uuid(Uuid::from_u128(7)).to_string();
        let error = id.parse::<RunId>().expect_err("a service id is no run id");
        assert!(error.to_string().contains("run_"), "{error}");
    }
}
