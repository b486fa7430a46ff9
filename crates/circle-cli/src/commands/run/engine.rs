//! Which engine a local run uses, and where it keeps its folders.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use circle_api::worker::{RegistryAccess, SecretValue};
use circle_cell::shared::SharedConfig;
use serde_json::Value;

use crate::exit::Failure;

/// Where the engine listens when nothing says otherwise.
const DEFAULT: &str = "unix:///var/run/docker.sock";

/// The provider's settings.
///
/// # Errors
/// When the engine is on another machine: the run's folders would not be there.
pub(super) fn config(engine: Option<&str>) -> Result<SharedConfig, Failure> {
    let named = engine.filter(|text| !text.is_empty()).unwrap_or(DEFAULT);
    let path = named.strip_prefix("unix://").unwrap_or(named);
    if !path.starts_with('/') {
        return Err(Failure::usage(format!(
            "`circle run` needs an engine on this machine, and {named} is elsewhere: name its socket, as unix:///var/run/docker.sock"
        )));
    }
    Ok(SharedConfig {
        socket: PathBuf::from(path),
        folder: cache_folder()?.join("circle/runs"),
    })
}

fn cache_folder() -> Result<PathBuf, Failure> {
    let set = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    set("XDG_CACHE_HOME")
        .or_else(|| set("HOME").map(|home| home.join(".cache")))
        .ok_or_else(|| Failure::usage("there is no place for the run's folders: set HOME or XDG_CACHE_HOME"))
}

/// The registries that the docker client is logged in to, as far as its own file has the credentials; helper programs are not
/// asked.
pub(super) fn registries() -> Vec<RegistryAccess> {
    let set = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let folder = set("DOCKER_CONFIG").or_else(|| set("HOME").map(|home| home.join(".docker")));
    let text = folder.and_then(|folder| std::fs::read_to_string(folder.join("config.json")).ok());
    text.map(|text| logged_in(&text)).unwrap_or_default()
}

fn logged_in(config: &str) -> Vec<RegistryAccess> {
    let config: Value = serde_json::from_str(config).unwrap_or_default();
    let auths = config.get("auths").and_then(Value::as_object);
    let access = |(address, auth): (&String, &Value)| {
        let both = STANDARD.decode(auth.get("auth")?.as_str()?).ok()?;
        let both = String::from_utf8(both).ok()?;
        let (username, password) = both.split_once(':')?;
        let host = address.trim_start_matches("https://").split('/').next()?;
        // The hub's old address stands for its images' host.
        let host = if host == "index.docker.io" { "docker.io" } else { host };
        Some(RegistryAccess {
            name: host.to_owned(),
            address: host.to_owned(),
            username: Some(username.to_owned()),
            password: Some(SecretValue::new(password)),
        })
    };
    auths.into_iter().flatten().filter_map(access).collect()
}

#[cfg(test)]
mod tests {
    use super::{config, logged_in};

    #[test]
    fn logins_of_the_docker_client_are_known_by_host() {
        let text = r#"{"auths": {"https://index.docker.io/v1/": {"auth": "bWU6cHc6MQ=="}, "r.example.org:5000": {"auth": "YTpi"}, "helped": {}}}"#;
        let shown: Vec<_> = logged_in(text)
            .into_iter()
            .map(|one| {
                (
                    one.address,
                    one.username,
                    one.password.map(|word| word.expose().to_owned()),
                )
            })
            .collect();
        let expected = [("docker.io", "me", "pw:1"), ("r.example.org:5000", "a", "b")];
        let expected =
            expected.map(|(host, user, word)| (host.to_owned(), Some(user.to_owned()), Some(word.to_owned())));
        assert_eq!(shown, expected);
        assert!(logged_in("no json").is_empty());
    }

    #[test]
    fn an_engine_elsewhere_is_refused_with_what_to_write() {
        for elsewhere in ["tcp://10.0.0.1:2376", "ssh://host", "npipe:////./pipe/docker"] {
            let refused = config(Some(elsewhere)).expect_err("it is elsewhere").to_string();
            assert!(refused.contains(elsewhere) && refused.contains("unix:///"), "{refused}");
        }
    }

    #[test]
    fn a_socket_is_named_by_its_path_or_its_address() {
        for named in [Some("/run/d.sock"), Some("unix:///run/d.sock")] {
            assert_eq!(config(named).expect("a socket").socket.to_str(), Some("/run/d.sock"));
        }
        for nothing in [None, Some("")] {
            let config = config(nothing).expect("the usual socket");
            assert_eq!(config.socket.to_str(), Some("/var/run/docker.sock"));
        }
    }
}
