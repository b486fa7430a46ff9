//! Keys that people bring from elsewhere: other words for ours, and what Circle refuses on purpose.

const CONDITIONS: &str = "there are no conditions beyond `triggers`: say there which stages run when";
const GRAPH: &str = "there is no free graph of steps: the order is integration, pre_build, build, post_build, deploy";
const INCLUDES: &str = "files are not included from elsewhere: write it here, and share maps with `use`";
const PLUGINS: &str = "there are no plugins: take an image that has the tool, and run it in `commands`";
const TEMPLATES: &str =
    "there is no templating and no pipeline made at run time: what the file says can be read before it runs";
const FAILURE: &str =
    "a stage that may fail says nothing: write `command || true` for the one command whose failure does not matter";
const ISOLATION: &str = "what a container shares with its cell stands in `network_mode`, `pid`, `ipc`, `uts`, `cap_add`, `security_opt`, and needs the workspace's policy: remove the key";

const REFUSED: &[(&str, &str)] = &[
    ("if", CONDITIONS),
    ("when", CONDITIONS),
    ("only", CONDITIONS),
    ("except", CONDITIONS),
    ("rules", CONDITIONS),
    ("condition", CONDITIONS),
    ("needs", GRAPH),
    ("depends_on", GRAPH),
    ("dependencies", GRAPH),
    ("steps", GRAPH),
    ("stages", GRAPH),
    ("include", INCLUDES),
    ("includes", INCLUDES),
    ("import", INCLUDES),
    ("extends", INCLUDES),
    ("plugins", PLUGINS),
    ("plugin", PLUGINS),
    ("uses", PLUGINS),
    ("orbs", PLUGINS),
    ("template", TEMPLATES),
    ("templates", TEMPLATES),
    ("parameters", TEMPLATES),
    ("dynamic", TEMPLATES),
    ("allow_failure", FAILURE),
    ("allow-failure", FAILURE),
    ("continue_on_error", FAILURE),
    ("continue-on-error", FAILURE),
    ("ignore_errors", FAILURE),
    ("network", ISOLATION),
    ("cgroup_parent", ISOLATION),
    ("sysctls", ISOLATION),
    ("runtime", ISOLATION),
    ("volumes_from", ISOLATION),
    ("device_cgroup_rules", ISOLATION),
];

const SYNONYMS: &[(&str, &str)] = &[
    ("script", "commands"),
    ("scripts", "commands"),
    ("run", "commands"),
    ("cmd", "command"),
    ("after_script", "finally"),
    ("post", "finally"),
    ("env", "environment"),
    ("envs", "environment"),
    ("variables", "environment"),
    ("sidecars", "services"),
    ("workdir", "working_dir"),
    ("working_directory", "working_dir"),
    ("memory", "resources"),
    ("cpus", "resources"),
    ("cache", "caches"),
    ("output", "outputs"),
    ("file", "dockerfile"),
    ("path", "context"),
    ("build_args", "args"),
    ("buildargs", "args"),
    ("repo", "repository"),
    ("name", "repository"),
    ("test", "integration"),
    ("healthcheck", "ready"),
    ("health", "ready"),
    ("depends", "needs"),
    ("branch", "branches"),
    ("tag", "tags"),
];

/// The reason why Circle refuses a key on purpose.
pub(crate) fn foreign(key: &str) -> Option<&'static str> {
    REFUSED.iter().find(|(name, _)| *name == key).map(|(_, reason)| *reason)
}

/// Our word for a word of others.
pub(crate) fn synonym(key: &str) -> Option<&'static str> {
    let key = key.to_lowercase();
    SYNONYMS.iter().find(|(name, _)| *name == key).map(|(_, ours)| *ours)
}
