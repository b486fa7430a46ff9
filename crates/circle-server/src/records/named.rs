//! Settings of a workspace, found by workspace and name.

use circle_core::environment::{Environment, Target};
use circle_core::forge::ForgeConnection;
use circle_core::notice::Webhook;
use circle_core::service::{Registry, Service, Workspace};
use circle_store::records::{Kind, Record};
use serde::{Deserialize, Serialize};

macro_rules! named_records {
    ($($(#[$doc:meta])* $record:ident($domain:ty) = $kind:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $record(pub $domain);

        impl Record for $record {
            const KIND: Kind = $kind;
            const SCHEMA: u32 = 1;

            fn id(&self) -> String {
                self.0.id.to_string()
            }
        }
    )*};
}

named_records! {
    /// A workspace, unique by name.
    WorkspaceRecord(Workspace) = Kind::Workspace;
    /// A service, unique by name in its workspace.
    ServiceRecord(Service) = Kind::Service;
    /// A registry, unique by name in its workspace.
    RegistryRecord(Registry) = Kind::Registry;
    /// A target, unique by name in its workspace.
    TargetRecord(Target) = Kind::Target;
    /// An environment, unique by name in its workspace.
    EnvironmentRecord(Environment) = Kind::Environment;
    /// A webhook, unique by name in its service.
    WebhookRecord(Webhook) = Kind::Webhook;
    /// A forge connection, unique by name in its workspace.
    ForgeRecord(ForgeConnection) = Kind::Forge;
}
