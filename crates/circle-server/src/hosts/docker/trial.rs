//! Trying out: what a container may, and what a worker in it can do.

use std::time::Duration;

use circle_api::worker::Trial;
use circle_core::nested::NestedRights;
use http::Method;
use serde_json::{Value, json};

use super::host::{DATA, DockerHost, meaning};
use crate::docker::Fault;
use crate::hosts::HostError;

/// A trial makes a whole cell.
const TRIAL_LIMIT: Duration = Duration::from_secs(150);
/// What a trial prints last.
const TRIAL_LINES: u32 = 5;

impl DockerHost {
    /// The widest rights that the engine gives, tried once with a container that does nothing.
    pub(super) async fn rights(&self, image: &str) -> Result<NestedRights, HostError> {
        self.rights.get_or_try_init(|| self.detect(image)).await.copied()
    }

    async fn detect(&self, image: &str) -> Result<NestedRights, HostError> {
        let mut refusals = Vec::new();
        for rights in NestedRights::SETS {
            let mut wish = self.worker_wish(image, rights);
            wish["Entrypoint"] = json!(["/bin/true"]);
            wish["HostConfig"]["NetworkMode"] = json!("none");
            match self.try_out(&wish).await {
                Ok(()) => return Ok(rights),
                Err(Fault::Silent(why)) => return Err(HostError::Unreachable(why)),
                Err(fault) => refusals.push(fault.to_string()),
            }
        }
        Err(HostError::Unable(format!(
            "the engine starts no container that could carry a worker: {}",
            refusals.join("; ")
        )))
    }

    async fn try_out(&self, wish: &Value) -> Result<(), Fault> {
        let container = self.create(None, wish).await?;
        let started = self.post(&format!("/containers/{container}/start"), None).await;
        self.remove_container(&container).await?;
        started.map(drop)
    }

    /// Lets a worker there make a cell and call the server, and hears how it went.
    pub(super) async fn trial(&self, image: &str) -> Result<Trial, HostError> {
        let rights = self.rights(image).await?;
        let mut wish = self.worker_wish(image, rights);
        let words = ["worker", "try", "--data", DATA, "--server", &self.settings.server_url];
        let words = words.map(str::to_owned).into_iter();
        wish["Cmd"] = json!(
            words
                .chain(self.settings.worker_flags.iter().cloned())
                .collect::<Vec<_>>()
        );
        // One stream of plain lines.
        wish["Tty"] = json!(true);
        let container = self.create(None, &wish).await.map_err(meaning)?;
        let printed = self.watch(&container).await;
        let _ = self.remove_container(&container).await;
        let printed = printed.map_err(meaning)?;
        let mut lines = printed.lines().map(str::trim);
        let told = lines.find_map(|line| serde_json::from_str(line).ok());
        told.ok_or_else(|| HostError::Unable(format!("a worker there says nothing that can be understood: {printed}")))
    }

    async fn watch(&self, container: &str) -> Result<String, Fault> {
        self.post(&format!("/containers/{container}/start"), None).await?;
        let wait = self
            .docker
            .request(Method::POST, &format!("/containers/{container}/wait"));
        self.docker.send_for(TRIAL_LIMIT, Method::POST, wait).await?;
        Ok(self.words(container, TRIAL_LINES).await)
    }

    /// What a container printed last; nothing when that cannot be had.
    pub(super) async fn words(&self, container: &str, lines: u32) -> String {
        let path = format!("/containers/{container}/logs?stdout=1&stderr=1&tail={lines}");
        let request = self.docker.request(Method::GET, &path);
        let read = self
            .docker
            .send_for(Duration::from_secs(10), Method::GET, request)
            .await;
        plain(&read.unwrap_or_default())
    }
}

/// Without the frames of a log that has two streams (a byte of kind, three of nothing, four of length), and without colours.
fn plain(log: &[u8]) -> String {
    let mut rest = log;
    let mut text = Vec::new();
    while let [0..=2, 0, 0, 0, a, b, c, d, after @ ..] = rest {
        let length = (u32::from_be_bytes([*a, *b, *c, *d]) as usize).min(after.len());
        text.extend_from_slice(&after[..length]);
        rest = &after[length..];
    }
    text.extend_from_slice(rest);
    let text = String::from_utf8_lossy(&text);
    let kept = text.chars().filter(|c| *c == '\n' || !c.is_control());
    kept.collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn words_are_had_from_both_kinds_of_logs() {
        assert_eq!(plain(b"one\r\ntwo\r\n"), "one\ntwo");
        let framed = b"\x01\0\0\0\0\0\0\x04one\n\x02\0\0\0\0\0\0\x03two";
        assert_eq!(plain(framed), "one\ntwo");
        let cut = b"\x01\0\0\0\0\0\0\xffone";
        assert_eq!(plain(cut), "one");
        assert_eq!(plain(b""), "");
    }
}
