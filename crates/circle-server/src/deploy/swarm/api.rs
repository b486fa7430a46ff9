//! Calls of a manager's API, and what its answers mean for a deployment.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use circle_net::{Net, NetError};
use http::{Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::deploy::port::{RegistryLogin, TargetError};
use crate::docker::{Docker, Fault, Judged};

/// A manager of a Swarm.
#[derive(Debug, Clone)]
pub(super) struct Manager(Docker);

impl Manager {
    /// Reads `unix:///path` or `tcp://host:port`, which is judged, and a bundle of client certificate, key and CA in PEM.
    pub(super) async fn open(net: &Net, endpoint: &str, bundle: Option<&SecretString>) -> Result<Self, TargetError> {
        let judged = Judged::of(net, endpoint).await.map_err(closed)?;
        let docker = Docker::new(endpoint, bundle, judged.as_ref()).map_err(|unusable| TargetError::Refused {
            why: format!("the target: {unusable}"),
        })?;
        Ok(Self(docker))
    }

    /// A call without side effects.
    pub(super) async fn read(&self, path: &str, query: &[(&str, &str)]) -> Result<Value, TargetError> {
        let request = self.0.request(Method::GET, path).query(query);
        self.0.send(Method::GET, request).await.map_err(meaning)
    }

    /// As [`Manager::read`], with `None` for 404.
    pub(super) async fn find(&self, path: &str, query: &[(&str, &str)]) -> Result<Option<Value>, TargetError> {
        let request = self.0.request(Method::GET, path).query(query);
        match self.0.send(Method::GET, request).await {
            Ok(value) => Ok(Some(value)),
            Err(fault) if fault.is_absence() => Ok(None),
            Err(fault) => Err(meaning(fault)),
        }
    }

    /// A call that changes something.
    pub(super) async fn write(
        &self,
        path: &str,
        query: &[(&str, &str)],
        body: &Value,
        login: Option<&RegistryLogin>,
    ) -> Result<Value, TargetError> {
        let mut request = self.0.request(Method::POST, path).query(query).json(body);
        if let Some(login) = login {
            request = request.header("x-registry-auth", registry_auth(login));
        }
        self.0.send(Method::POST, request).await.map_err(meaning)
    }
}

fn closed(error: NetError) -> TargetError {
    let why = format!("the target could not be reached: {error}");
    if error.is_temporary() {
        TargetError::Unreachable { why }
    } else {
        TargetError::Refused { why }
    }
}

/// The engine answers 500 for what others call a conflict, so its words count before its numbers.
fn meaning(fault: Fault) -> TargetError {
    let (method, status, said) = match fault {
        Fault::Silent(why) => {
            return TargetError::Unreachable {
                why: format!("the target could not be reached: {why}"),
            };
        }
        Fault::TooLarge => {
            return TargetError::Refused {
                why: "the target's answer is larger than 16 MiB".into(),
            };
        }
        Fault::No { method, status, said } => (method, status, said),
    };
    let lower = said.to_lowercase();
    if lower.contains("update out of sequence") || lower.contains("name conflicts with an existing object") {
        return TargetError::Conflict;
    }
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => TargetError::Denied { why: said },
        StatusCode::NOT_FOUND => TargetError::Refused {
            why: format!("the target does not know it: {said}"),
        },
        StatusCode::SERVICE_UNAVAILABLE if lower.contains("not a swarm manager") => TargetError::Refused {
            why: format!("the target is no Swarm manager: {said}"),
        },
        // The manager passes on what is wrong with a specification as 500 with these words.
        _ if status.is_client_error() || lower.contains("rpc error: code = invalidargument") => TargetError::Refused {
            why: format!("the target refuses: {said}"),
        },
        _ => TargetError::Unreachable {
            why: format!("{method} failed with {status}: {said}"),
        },
    }
}

fn registry_auth(login: &RegistryLogin) -> String {
    let value = json!({
        "username": login.username,
        "password": login.password.expose_secret(),
        "serveraddress": login.address,
    });
    URL_SAFE.encode(value.to_string())
}

#[cfg(test)]
mod tests {
    use http::{Method, StatusCode};

    use super::meaning;
    use crate::deploy::port::TargetError;
    use crate::docker::Fault;

    #[test]
    fn the_engine_s_words_count_before_its_numbers() {
        let read = |status: u16, said: &str| {
            meaning(Fault::No {
                method: Method::POST,
                status: StatusCode::from_u16(status).expect("a status"),
                said: said.to_owned(),
            })
        };
        let conflict = "rpc error: code = Unknown desc = update out of sequence";
        assert_eq!(read(500, conflict), TargetError::Conflict);
        assert_eq!(
            read(
                409,
                "rpc error: code = AlreadyExists desc = name conflicts with an existing object"
            ),
            TargetError::Conflict
        );
        assert!(matches!(read(400, "invalid"), TargetError::Refused { .. }));
        assert!(matches!(
            read(500, "rpc error: code = InvalidArgument desc = x"),
            TargetError::Refused { .. }
        ));
        assert!(matches!(
            read(503, "This node is not a swarm manager."),
            TargetError::Refused { .. }
        ));
        assert!(matches!(read(503, "starting"), TargetError::Unreachable { .. }));
        assert!(matches!(read(401, "no"), TargetError::Denied { .. }));
    }
}
