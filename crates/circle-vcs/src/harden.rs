//! The one list of settings under which git meets foreign repositories.

use std::time::Duration;

use circle_net::Passage;

use crate::git::GitStep;
use crate::helper::Helper;
use crate::url::{RepositoryUrl, Scheme};
use crate::way;

/// Configuration that counts over any file. `-c` reaches the git processes of submodules, too.
const SETTINGS: &[&str] = &[
    // Programs that a repository, a template or a machine could name.
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.attributesFile=/dev/null",
    "core.editor=false",
    "core.pager=cat",
    "init.templateDir=",
    "filter.lfs.smudge=",
    "filter.lfs.clean=",
    "filter.lfs.process=",
    "filter.lfs.required=false",
    // Credentials come from askpass alone, and only for the host that was asked for.
    "credential.helper=",
    "http.followRedirects=false",
    // Only what GIT_ALLOW_PROTOCOL lists; this is the second lock on the same door.
    "protocol.allow=never",
    // Names in the tree that mean something to other file systems.
    "core.protectHFS=true",
    "core.protectNTFS=true",
    // Nothing in the background, nothing beyond what was asked for.
    "gc.auto=0",
    "maintenance.auto=false",
    "fetch.recurseSubmodules=false",
    "submodule.recurse=false",
    "fetch.writeCommitGraph=false",
    "advice.detachedHead=false",
    // A peer that sends less than 1 kB/s for half a minute is gone.
    "http.lowSpeedLimit=1000",
    "http.lowSpeedTime=30",
];

/// ssh without a configuration file, a question or an agent; constant text, because git gives it to a shell.
pub(crate) const SSH: &str =
    "ssh -F /dev/null -o BatchMode=yes -o ConnectTimeout=20 -o PermitLocalCommand=no -o ForwardAgent=no";

/// How the repository is reached.
#[derive(Debug, Clone, Copy)]
pub struct Transport<'a> {
    /// Where from.
    pub url: &'a RepositoryUrl,
    /// Who gives what opens the repository; `None` = nobody.
    pub helper: Option<&'a Helper>,
    /// All http and https goes through this proxy; `None` = directly.
    pub proxy: Option<&'a str>,
    /// The only way out, to this address's host alone; `None` = git connects by itself.
    pub passage: Option<&'a Passage>,
}

/// A step of git under the hardened settings.
///
/// Without a transport the command speaks no protocol at all.
pub fn harden<'a>(
    what: &'static str,
    transport: Option<Transport<'_>>,
    limit: Duration,
    arguments: impl IntoIterator<Item = &'a str>,
) -> GitStep {
    let around = transport.and_then(|transport| transport.helper?.around());
    let mut argv = around.map(|(prefix, _)| prefix).unwrap_or_default();
    argv.push("git".to_owned());
    let proxy = transport
        .and_then(|transport| transport.proxy)
        .map(|proxy| format!("http.proxy={proxy}"));
    let led = transport.and_then(way::setting);
    for setting in SETTINGS.iter().copied().chain(proxy.as_deref()).chain(led.as_deref()) {
        argv.extend(["-c".to_owned(), setting.to_owned()]);
    }
    argv.extend(arguments.into_iter().map(str::to_owned));
    GitStep {
        what,
        argv,
        env: environment(transport),
        limit,
    }
}

fn environment(transport: Option<Transport<'_>>) -> Vec<(String, String)> {
    let mut env = vec![
        ("PATH", "/usr/local/bin:/usr/bin:/bin".to_owned()),
        // git speaks English, so that its errors can be told apart.
        ("LC_ALL", "C".to_owned()),
        ("HOME", "/nonexistent".to_owned()),
        ("XDG_CONFIG_HOME", "/nonexistent".to_owned()),
        ("GIT_CONFIG_NOSYSTEM", "1".to_owned()),
        ("GIT_CONFIG_GLOBAL", "/dev/null".to_owned()),
        ("GIT_ATTR_NOSYSTEM", "1".to_owned()),
        ("GIT_TERMINAL_PROMPT", "0".to_owned()),
        ("GIT_LITERAL_PATHSPECS", "1".to_owned()),
        ("GIT_NO_REPLACE_OBJECTS", "1".to_owned()),
        ("GIT_LFS_SKIP_SMUDGE", "1".to_owned()),
        ("GIT_ALLOW_PROTOCOL", protocols(transport)),
        ("GIT_SSH_COMMAND", SSH.to_owned()),
        // A question that nobody may answer is answered with a failure at once.
        ("GIT_ASKPASS", "/bin/false".to_owned()),
        ("SSH_ASKPASS", "/bin/false".to_owned()),
    ];
    let helper = transport.and_then(|transport| transport.helper);
    if let Some(program) = helper.and_then(Helper::asked) {
        env.retain(|(name, _)| *name != "GIT_ASKPASS");
        env.push(("GIT_ASKPASS", program.display().to_string()));
    }
    if let Some((_, ssh)) = helper.and_then(Helper::around) {
        env.retain(|(name, _)| *name != "GIT_SSH_COMMAND");
        env.push(("GIT_SSH_COMMAND", ssh));
    }
    if let Some(transport) = transport {
        way::lead(transport, &mut env);
    }
    env.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The address's own protocol and https: what submodules of such a repository are reached by. Never file, never ext. A passage leads to
/// no submodule.
fn protocols(transport: Option<Transport<'_>>) -> String {
    let Some(transport) = transport else {
        return "none".into();
    };
    match transport.url.scheme() {
        Scheme::Https => "https".into(),
        other if transport.passage.is_some() => other.word().into(),
        other => format!("https:{}", other.word()),
    }
}
