//! Workers that do nothing: they speak the worker protocol over the socket like any other, and end each run at once.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use bytes::Bytes;
use circle_api::resources::EnrolmentCreate;
use circle_api::worker::{Assignment, Claim, Enrol, Enrolled, Events, NumberedEvent, Order, WorkerFacts};
use circle_api::worker::{FENCE_HEADER, PROTOCOL_HEADER, PROTOCOL_VERSION};
use circle_core::ids::RunId;
use circle_core::run::{Failure, FailureKind, WorkerEvent};
use circle_test::Circle;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use reqwest::{Client, RequestBuilder, StatusCode};

/// How long nothing is offered before the queue counts as empty.
const PATIENCE: Duration = Duration::from_secs(3);

/// An enrolled worker.
#[derive(Debug, Clone)]
pub(crate) struct Hands {
    http: Client,
    token: String,
}

/// Offers as they come.
pub(crate) struct Offers {
    stream: BoxStream<'static, reqwest::Result<Bytes>>,
    rest: Vec<u8>,
}

impl Hands {
    pub(crate) async fn enrol(circle: &Circle, name: &str) -> Result<Self> {
        let created = circle.client().enrol_worker(&EnrolmentCreate::default()).await?;
        let socket = circle.folder().join("data/server/circle.sock");
        let http = http(&socket)?;
        let facts = WorkerFacts {
            version: env!("CARGO_PKG_VERSION").into(),
            arch: std::env::consts::ARCH.into(),
            max_cells: 64,
            warm_cells: 0,
            memory_bytes: 1 << 30,
            cpus: 2,
        };
        let enrol = Enrol {
            name: name.to_owned(),
            facts,
        };
        let call = http.post("http://localhost/worker/v1/enrol");
        let call = call.header(PROTOCOL_HEADER, PROTOCOL_VERSION).json(&enrol);
        let answer = call.bearer_auth(created.token.expose()).send().await?;
        let enrolled: Enrolled = answer.error_for_status()?.json().await?;
        let token = enrolled.token.expose().to_owned();
        Ok(Self { http, token })
    }

    pub(crate) async fn offers(&self) -> Result<Offers> {
        let call = self.http.get("http://localhost/worker/v1/orders");
        let call = call.header(PROTOCOL_HEADER, PROTOCOL_VERSION).bearer_auth(&self.token);
        Ok(Offers {
            stream: call.send().await?.error_for_status()?.bytes_stream().boxed(),
            rest: Vec::new(),
        })
    }

    /// Claims a run, and tells how long the answer took; `None` = somebody else has it.
    pub(crate) async fn claim(&self, run: RunId) -> Result<Option<(Assignment, Duration)>> {
        let call = self.call(run, "claim").bearer_auth(&self.token);
        let start = Instant::now();
        let answer = call.json(&Claim { part: 0 }).send().await?;
        if answer.status() == StatusCode::CONFLICT {
            return Ok(None);
        }
        let assignment = answer.error_for_status()?.json().await?;
        Ok(Some((assignment, start.elapsed())))
    }

    /// Ends a run: a worker that did nothing cannot say that its stages succeeded.
    pub(crate) async fn end(&self, assignment: &Assignment) -> Result<()> {
        let failure = Failure::new(FailureKind::Command, "nothing was done");
        let events = Events {
            part: 0,
            events: vec![NumberedEvent {
                sequence: 1,
                event: WorkerEvent::PartFailed { failure },
            }],
        };
        let call = self
            .call(assignment.run, "events")
            .header(FENCE_HEADER, assignment.fence);
        let call = call.bearer_auth(assignment.run_token.expose());
        let status = call.json(&events).send().await?.status();
        if !status.is_success() {
            bail!("a report was answered {status}");
        }
        Ok(())
    }

    fn call(&self, run: RunId, what: &str) -> RequestBuilder {
        let url = format!("http://localhost/worker/v1/runs/{run}/{what}");
        self.http.post(url).header(PROTOCOL_HEADER, PROTOCOL_VERSION)
    }
}

impl Offers {
    /// The next run; `None` when nothing is offered any more.
    pub(crate) async fn next(&mut self) -> Result<Option<RunId>> {
        loop {
            while let Some(end) = self.rest.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                if let Ok(Order::Offer { run, .. }) = serde_json::from_slice(&line) {
                    return Ok(Some(run));
                }
            }
            let Ok(Some(bytes)) = tokio::time::timeout(PATIENCE, self.stream.next()).await else {
                return Ok(None);
            };
            self.rest.extend_from_slice(&bytes?);
        }
    }
}

fn http(socket: &Path) -> Result<Client> {
    let builder = Client::builder().unix_socket(socket.to_owned());
    Ok(builder.no_proxy().tls_certs_only([]).build()?)
}
