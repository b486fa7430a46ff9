//! How git is led into a passage, so that it connects to nothing else: each protocol by what it has had for ever (ADR 142).

use secrecy::ExposeSecret;

use crate::harden::Transport;
use crate::url::Scheme;

/// Where all of curl's protocols look for their proxy; git reads them as curl does.
const PROXY_VARIABLES: [&str; 3] = ["http_proxy", "https_proxy", "all_proxy"];

/// The setting that leads there, as `-c` takes it: it must hold no password, since everybody on the machine can read it.
pub(crate) fn setting(transport: Transport<'_>) -> Option<String> {
    let passage = transport.passage?;
    (transport.url.scheme() == Scheme::Git).then(|| {
        let origin = transport.url.origin();
        format!("url.git://{}/.insteadOf={origin}/", passage.address())
    })
}

/// The environment that leads there.
pub(crate) fn lead(transport: Transport<'_>, env: &mut Vec<(&'static str, String)>) {
    let Some(passage) = transport.passage else { return };
    let (url, address) = (transport.url, passage.address());
    match url.scheme() {
        Scheme::Https | Scheme::Http => {
            // A passage of another manner is no proxy; git then finds one that answers nothing it understands.
            let proxy = passage.proxy();
            let proxy = proxy.map_or_else(
                || format!("socks5h://{address}"),
                |proxy| proxy.expose_secret().to_owned(),
            );
            env.extend(PROXY_VARIABLES.map(|name| (name, proxy.clone())));
        }
        Scheme::Ssh => {
            // The first of ssh's options counts: the port of the address comes after these.
            let to = format!(" -o HostName={} -o Port={}", address.ip(), address.port());
            for (_, command) in env.iter_mut().filter(|(name, _)| *name == "GIT_SSH_COMMAND") {
                command.push_str(&to);
            }
        }
        Scheme::Git => {
            let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
            env.push(("GIT_OVERRIDE_VIRTUAL_HOST", format!("{}{port}", url.host())));
        }
    }
}
