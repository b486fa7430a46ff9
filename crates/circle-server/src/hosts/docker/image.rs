//! The image that workers run in: the base with this server's program, made once for each program and host.

use std::time::Duration;

use http::Method;
use reqwest::Body;
use serde_json::{Value, json};

use super::host::{DockerHost, HOST_LABEL, meaning};
use crate::docker::Fault;
use crate::hosts::HostError;

/// Where the program stands in it.
pub(super) const PROGRAM: &str = "/usr/local/bin/circle";
const REPOSITORY: &str = "circle/worker-run";
/// A base image comes from far away, and a program over a slow line.
const TRANSFER_LIMIT: Duration = Duration::from_secs(900);

impl DockerHost {
    /// The image's name; made when it is not there.
    pub(super) async fn program_image(&self) -> Result<String, HostError> {
        let tag = self.program.tag().map_err(unreadable)?;
        let host = self.id.uuid().simple().to_string();
        // Hosts that share an engine do not remove each other's.
        let name = format!("{REPOSITORY}:{tag}-{}", &host[host.len() - 8..]);
        match self.get(&format!("/images/{name}/json")).await {
            Ok(known) if known["Config"]["Labels"][HOST_LABEL] == json!(self.id.to_string()) => return Ok(name),
            Err(fault) if !fault.is_absence() => return Err(meaning(fault)),
            _ => {}
        }
        self.base_image().await?;
        let wish = json!({
            "Image": self.settings.image,
            "Entrypoint": ["/bin/true"],
            "Labels": { HOST_LABEL: self.id.to_string() },
        });
        let container = self.create(None, &wish).await.map_err(meaning)?;
        let kept = self.copy_in(&container, &name).await;
        // If this fails, the next look finds it.
        let _ = self.remove_container(&container).await;
        kept?;
        // Those of older programs are of no use any more.
        if let Err(fault) = self.remove_images(Some(&name)).await {
            tracing::debug!(host = %self.id, %fault, "old images of a host stay until later");
        }
        tracing::info!(host = %self.id, image = name, "the program was copied to a host");
        Ok(name)
    }

    async fn copy_in(&self, container: &str, name: &str) -> Result<(), HostError> {
        let tar = self
            .program
            .tar(PROGRAM.trim_start_matches('/'))
            .await
            .map_err(unreadable)?;
        let put = self
            .docker
            .request(Method::PUT, &format!("/containers/{container}/archive?path=/"))
            .body(Body::wrap_stream(tar));
        self.docker
            .send_for(TRANSFER_LIMIT, Method::PUT, put)
            .await
            .map_err(meaning)?;
        let (repository, tag) = name.split_once(':').unwrap_or((name, "latest"));
        let commit = self.docker.request(Method::POST, "/commit").json(&json!({}));
        let commit = commit.query(&[("container", container), ("repo", repository), ("tag", tag)]);
        self.docker
            .send_for(TRANSFER_LIMIT, Method::POST, commit)
            .await
            .map_err(meaning)?;
        Ok(())
    }

    /// The base image is there, or is fetched.
    async fn base_image(&self) -> Result<(), HostError> {
        let image = &self.settings.image;
        match self.get(&format!("/images/{image}/json")).await {
            Ok(_) => return Ok(()),
            Err(fault) if !fault.is_absence() => return Err(meaning(fault)),
            Err(_) => {}
        }
        let pull = self.docker.request(Method::POST, "/images/create");
        let pull = pull.query(&[("fromImage", image.as_str())]);
        let pulled = self.docker.send_for(TRANSFER_LIMIT, Method::POST, pull).await;
        let why = match pulled {
            // It says 200 before it begins; the last line tells how it went.
            Ok(progress) => complaint(&progress),
            Err(Fault::Silent(why)) => return Err(HostError::Unreachable(why)),
            Err(fault) => Some(fault.to_string()),
        };
        match why {
            None => Ok(()),
            Some(why) => Err(HostError::Unable(format!(
                "the engine has no image {image} and cannot pull it ({why}): make it with `cargo xtask images build worker-base` and load it there, or name another with --image"
            ))),
        }
    }

    /// Removes this host's images but for one.
    pub(super) async fn remove_images(&self, keep: Option<&str>) -> Result<(), Fault> {
        let request = self.docker.request(Method::GET, "/images/json");
        let request = request.query(&[("all", "1"), ("filters", &self.own())]);
        let listed = self.docker.send(Method::GET, request).await?;
        for image in listed.as_array().into_iter().flatten() {
            let tags = image["RepoTags"].as_array().cloned().unwrap_or_default();
            if keep.is_some_and(|keep| tags.iter().any(|tag| tag.as_str() == Some(keep))) {
                continue;
            }
            let id = image["Id"].as_str().unwrap_or_default();
            self.delete(&format!("/images/{id}?force=1")).await?;
        }
        Ok(())
    }
}

fn unreadable(error: std::io::Error) -> HostError {
    HostError::Unable(format!("the server cannot read its own program: {error}"))
}

/// The error of a stream of progress, if there is one.
fn complaint(progress: &[u8]) -> Option<String> {
    let lines = progress.split(|byte| *byte == b'\n');
    let mut read = lines.filter_map(|line| serde_json::from_slice::<Value>(line).ok());
    read.find_map(|line| line["error"].as_str().map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::complaint;

    #[test]
    fn a_pull_that_fails_after_its_beginning_is_noticed() {
        let good = b"{\"status\":\"Pulling\"}\n{\"status\":\"Done\"}\n";
        assert_eq!(complaint(good), None);
        let bad = b"{\"status\":\"Pulling\"}\n{\"errorDetail\":{\"message\":\"x\"},\"error\":\"no such host\"}\n";
        assert_eq!(complaint(bad).as_deref(), Some("no such host"));
    }
}
