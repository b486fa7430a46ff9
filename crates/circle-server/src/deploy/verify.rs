//! The check from outside: a GET that must answer 2xx wherever the workload runs.

use std::time::Duration;

use circle_core::deployment::{Decision, Deployment, DeploymentEvent};
use circle_net::{Bounds, Net, Request};
use http::Method;

use super::drive::{Next, StepError};
use super::engine::Deployer;
use super::port::TargetError;
use crate::records::TargetRecord;
use crate::time::now;

/// One answer, body included.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// Instances of one workload that are asked.
const MAX_ADDRESSES: usize = 16;

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
        let (net, addresses) = match self.places(deployment).await? {
            Ok(places) => places,
            Err(error) => return Ok(Err(error.to_string())),
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
            if let Err(why) = ask(net, &url).await {
                return Ok(Err(format!("{url}: {why}")));
            }
        }
        Ok(Ok(()))
    }

    /// Whom to ask, and the client for it. What an engine says of its nodes is believed when the server's administrators named its
    /// socket; any other engine could say anything, and what is bound was typed in by a workspace.
    async fn places(&self, deployment: &Deployment) -> Result<Result<(&Net, Vec<String>), TargetError>, StepError> {
        if let Some(url) = &deployment.bound_url {
            return Ok(Ok((&self.net, vec![url.clone()])));
        }
        let target = match self.target_of(deployment).await? {
            Ok(target) => target,
            Err(error) => return Ok(Err(error)),
        };
        let id = deployment.target.to_string();
        let known = self.records.load::<TargetRecord>(&id).await?;
        let is_ours = known.is_some_and(|(TargetRecord(target), _)| target.kind.is_local());
        let net = if is_ours { &self.open_net } else { &self.net };
        let addresses = target.addresses(&deployment.workload).await;
        Ok(addresses.map(|addresses| (net, addresses)))
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

/// Whether the answer is a good one. A redirect is none: the answer must come from the workload itself.
async fn ask(net: &Net, url: &str) -> Result<(), String> {
    let bounds = Bounds {
        time: ANSWER_LIMIT,
        ..Bounds::default()
    };
    let request = Request::new(Method::GET, url).map_err(|error| error.to_string())?;
    let answer = net.send(request.bounds(bounds)).await;
    let answer = answer.map_err(|error| error.to_string())?;
    if answer.status.is_success() {
        Ok(())
    } else {
        Err(format!("answered {}", answer.status))
    }
}
