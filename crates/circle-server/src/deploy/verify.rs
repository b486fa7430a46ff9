//! The check from outside: a GET that must answer 2xx wherever the workload runs.

use std::time::Duration;

use circle_core::deployment::{Decision, Deployment, DeploymentEvent};

use super::drive::{Next, StepError};
use super::engine::Deployer;
use crate::time::now;

/// One answer, body included.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// Instances of one workload that are asked.
const MAX_ADDRESSES: usize = 16;

/// A client that follows no redirect: the answer must come from the workload itself.
pub(super) fn client() -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(ANSWER_LIMIT)
        .timeout(ANSWER_LIMIT)
        .no_proxy()
        .tls_certs_only([])
        .build()
}

impl Deployer {
    /// One check, and what follows from it.
    pub(super) async fn verify(&self, deployment: &Deployment, fence: u64) -> Result<Next, StepError> {
        let answer = self.check(deployment).await?;
        match deployment.decide_verified(answer, now()) {
            Decision::Take(event) => self.take(deployment, fence, event, None).await,
            Decision::Wait { ms } => Ok(Next::After(Duration::from_millis(ms))),
            Decision::Call(_) => Ok(Next::Again),
        }
    }

    async fn check(&self, deployment: &Deployment) -> Result<Result<(), String>, StepError> {
        let Some(verify) = &deployment.verify else {
            return Ok(Ok(()));
        };
        let addresses = match &deployment.bound_url {
            Some(url) => vec![url.clone()],
            None => match self.target_of(deployment).await? {
                Ok(target) => match target.addresses(&deployment.workload).await {
                    Ok(addresses) => addresses,
                    Err(error) => return Ok(Err(error.to_string())),
                },
                Err(error) => return Ok(Err(error.to_string())),
            },
        };
        if addresses.is_empty() {
            return Ok(Err(
                "it publishes no port where it could be asked; bind it with --url".into()
            ));
        }
        for address in addresses.iter().take(MAX_ADDRESSES) {
            let url = format!(
                "{}/{}",
                address.trim_end_matches('/'),
                verify.http.trim_start_matches('/')
            );
            if let Err(why) = self.ask(&url).await {
                return Ok(Err(format!("{url}: {why}")));
            }
        }
        Ok(Ok(()))
    }

    async fn ask(&self, url: &str) -> Result<(), String> {
        let answer = self.http.get(url).send().await.map_err(|error| plain(&error))?;
        if answer.status().is_success() {
            Ok(())
        } else {
            Err(format!("answered {}", answer.status()))
        }
    }

    /// Where the workload answers, told to people as soon as it is known.
    pub(super) async fn tell_address(&self, deployment: &Deployment) -> Option<DeploymentEvent> {
        if deployment.bound_url.is_some() {
            return None;
        }
        let target = self.target_of(deployment).await.ok()?.ok()?;
        let addresses = target.addresses(&deployment.workload).await.ok()?;
        addresses.into_iter().next().map(|url| DeploymentEvent::Answers { url })
    }
}

/// What people need of a client's error.
fn plain(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer within {} s", ANSWER_LIMIT.as_secs());
    }
    if error.is_connect() {
        return "no connection".into();
    }
    "the answer was broken off".into()
}
