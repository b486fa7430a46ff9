//! A worker played by the test: it says over HTTP what a worker says, and lies when told to.

use std::time::Duration;

use bytes::BytesMut;
use circle_api::resources::EnrolmentCreate;
use circle_api::worker::frames::{FrameHeader, Mark, encode};
use circle_api::worker::{
    Assignment, Enrol, Enrolled, Events, FENCE_HEADER, ISOLATION_HEADER, NumberedEvent, Order, PROTOCOL_HEADER,
    PROTOCOL_VERSION, Stored, WorkerFacts,
};
use circle_core::ids::RunId;
use circle_core::run::{Failure, FailureKind, Phases, StoredOutput, WorkerEvent};
use circle_core::serving::Isolation;
use futures_util::StreamExt;
use jiff::Timestamp;
use reqwest::{Method, RequestBuilder, Response};

use super::circle::Circle;

/// An enrolled worker.
#[derive(Clone)]
pub(crate) struct Played {
    pub(crate) enrolled: Enrolled,
    url: String,
    http: reqwest::Client,
    isolation: Isolation,
}

/// Orders as they come.
pub(crate) struct Orders {
    stream: futures_util::stream::BoxStream<'static, reqwest::Result<bytes::Bytes>>,
    rest: Vec<u8>,
}

/// A claimed run.
pub(crate) struct Job {
    pub(crate) assignment: Assignment,
    worker: Played,
    pub(crate) sequence: u64,
}

pub(crate) fn facts(max_cells: u32) -> WorkerFacts {
    WorkerFacts {
        version: "0.1.0".into(),
        arch: "x86_64".into(),
        max_cells,
        warm_cells: 0,
        memory_bytes: 1 << 30,
        cpus: 2,
    }
}

impl Played {
    pub(crate) async fn enrol(circle: &Circle, name: &str, cells: u32) -> Self {
        Self::enrol_for(circle, &EnrolmentCreate::default(), name, cells).await
    }

    /// Enrols with a token that was made for something.
    pub(crate) async fn enrol_for(circle: &Circle, wish: &EnrolmentCreate, name: &str, cells: u32) -> Self {
        let enrolment = circle.api.enrol_worker(wish).await.expect("an enrolment");
        let response = Self::try_enrol(circle, enrolment.token.expose(), name, cells).await;
        assert_eq!(response.status(), 200);
        let enrolled = response.json().await.expect("enrolled");
        Self {
            enrolled,
            url: circle.url.clone(),
            http: circle.http.clone(),
            isolation: Isolation::Apart,
        }
    }

    /// The same worker with cells that keep runs so far from its machine.
    pub(crate) fn with_cells(mut self, isolation: Isolation) -> Self {
        self.isolation = isolation;
        self
    }

    pub(crate) async fn try_enrol(circle: &Circle, token: &str, name: &str, cells: u32) -> Response {
        let request = circle
            .http
            .post(format!("{}/worker/v1/enrol", circle.url))
            .bearer_auth(token);
        let request = request.header(PROTOCOL_HEADER, PROTOCOL_VERSION);
        request
            .json(&Enrol {
                name: name.into(),
                facts: facts(cells),
            })
            .send()
            .await
            .expect("an answer")
    }

    /// The same worker at a server that was started again.
    pub(crate) fn at(&self, circle: &Circle) -> Self {
        Self {
            enrolled: self.enrolled.clone(),
            url: circle.url.clone(),
            http: circle.http.clone(),
            isolation: self.isolation,
        }
    }

    /// A request with the worker's own token.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url));
        request
            .header(PROTOCOL_HEADER, PROTOCOL_VERSION)
            .header(ISOLATION_HEADER, self.isolation.word())
            .bearer_auth(self.enrolled.token.expose())
    }

    pub(crate) async fn orders(&self) -> Orders {
        let response = self
            .request(Method::GET, "/worker/v1/orders")
            .send()
            .await
            .expect("an answer");
        assert_eq!(response.status(), 200);
        let mut orders = Orders {
            stream: response.bytes_stream().boxed(),
            rest: Vec::new(),
        };
        let hello = orders.next().await;
        assert!(
            matches!(
                hello,
                Some(Order::Hello {
                    protocol: PROTOCOL_VERSION,
                    ..
                })
            ),
            "{hello:?}"
        );
        orders
    }

    pub(crate) async fn try_claim(&self, run: RunId) -> Response {
        let request = self.request(Method::POST, &format!("/worker/v1/runs/{run}/claim"));
        request
            .json(&serde_json::json!({ "part": 0 }))
            .send()
            .await
            .expect("an answer")
    }

    pub(crate) async fn claim(&self, run: RunId) -> Job {
        let response = self.try_claim(run).await;
        let status = response.status();
        let text = response.text().await.expect("a body");
        assert_eq!(status, 200, "{text}");
        let assignment = serde_json::from_str(&text).expect("an assignment");
        Job {
            assignment,
            worker: self.clone(),
            sequence: 0,
        }
    }

    /// Waits for the next offer and claims it.
    pub(crate) async fn take(&self, orders: &mut Orders) -> Job {
        loop {
            if let Some(Order::Offer { run, .. }) = orders.next().await {
                return self.claim(run).await;
            }
        }
    }
}

impl Orders {
    /// The next order that wants something done, or `None` at the end of the stream; panics when nothing comes for long.
    /// That a run is expected may be said at any moment before its offer, and obliges to nothing.
    pub(crate) async fn next(&mut self) -> Option<Order> {
        loop {
            match self.next_said().await {
                Some(Order::Expect { .. }) => {}
                said => return said,
            }
        }
    }

    /// The next order, whatever it is.
    pub(crate) async fn next_said(&mut self) -> Option<Order> {
        loop {
            if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                return Some(serde_json::from_slice(&line).expect("an order"));
            }
            let next = tokio::time::timeout(Duration::from_secs(30), self.stream.next()).await;
            match next.expect("an order within half a minute") {
                Some(Ok(bytes)) => self.rest.extend_from_slice(&bytes),
                Some(Err(_)) | None => return None,
            }
        }
    }
}

impl Job {
    /// The same job of a worker that found its server again.
    pub(crate) fn at(self, worker: &Played) -> Self {
        Self {
            worker: worker.clone(),
            ..self
        }
    }

    pub(crate) fn run(&self) -> RunId {
        self.assignment.run
    }

    /// What the first step that asks for a name was given.
    pub(crate) fn secret(&self, name: &str) -> &str {
        let mut given = self.assignment.secrets.iter();
        let found = given.find(|(_, of, _)| *of == name);
        found
            .unwrap_or_else(|| panic!("{name} was not given: {:?}", self.assignment.secrets))
            .2
            .expose()
    }

    /// A request with the run's token and fence.
    pub(crate) fn request(&self, method: Method, what: &str) -> RequestBuilder {
        self.request_of(self.run(), method, what)
    }

    /// The same about another run.
    pub(crate) fn request_of(&self, run: RunId, method: Method, what: &str) -> RequestBuilder {
        let worker = &self.worker;
        let request = worker
            .http
            .request(method, format!("{}/worker/v1/runs/{run}/{what}", worker.url));
        let request = request
            .header(PROTOCOL_HEADER, PROTOCOL_VERSION)
            .header(FENCE_HEADER, self.assignment.fence);
        request.bearer_auth(self.assignment.run_token.expose())
    }

    pub(crate) async fn send(&self, events: Vec<NumberedEvent>) -> Response {
        let request = self.request(Method::POST, "events");
        request
            .json(&Events { part: 0, events })
            .send()
            .await
            .expect("an answer")
    }

    /// Reports one event, which is taken.
    pub(crate) async fn tell(&mut self, event: WorkerEvent) {
        let response = self.try_tell(event).await;
        let status = response.status();
        assert_eq!(status, 200, "{}", response.text().await.unwrap_or_default());
    }

    pub(crate) async fn try_tell(&mut self, event: WorkerEvent) -> Response {
        self.sequence += 1;
        self.send(vec![NumberedEvent {
            sequence: self.sequence,
            event,
        }])
        .await
    }

    /// Tells that a stage began and ended well.
    pub(crate) async fn stage(&mut self, stage: &str, output: Option<StoredOutput>) {
        let at = Timestamp::now();
        self.tell(WorkerEvent::StageStarted {
            stage: stage.into(),
            at,
            attempt: 1,
        })
        .await;
        let phases = Phases::default();
        self.tell(WorkerEvent::StageSucceeded {
            stage: stage.into(),
            at,
            phases,
            output,
        })
        .await;
    }

    /// The same of a stage whose outputs the server is given.
    pub(crate) async fn stage_with(&mut self, stage: &str, tar: &'static str) {
        let put = self.request(Method::PUT, &format!("outputs/{stage}")).body(tar);
        let stored: Stored = put.send().await.expect("an answer").json().await.expect("stored");
        assert_eq!(stored.output.bytes, tar.len() as u64);
        self.stage(stage, Some(stored.output)).await;
    }

    /// Every stage that is not taken over, then the end.
    pub(crate) async fn succeed(&mut self) {
        let stages: Vec<String> = self
            .assignment
            .plan
            .stages
            .iter()
            .map(|stage| stage.name.clone())
            .collect();
        for stage in stages {
            if !self.assignment.reused.contains_key(&stage) {
                self.stage(&stage, None).await;
            }
        }
        self.tell(WorkerEvent::PartSucceeded).await;
    }

    pub(crate) async fn fail(&mut self, message: &str) {
        let failure = Failure::new(FailureKind::Command, message);
        self.tell(WorkerEvent::PartFailed { failure }).await;
    }

    /// The stage after the checkout fails, and with it everything.
    pub(crate) async fn fail_in(&mut self, stage: &str, message: &str) {
        self.stage("checkout", None).await;
        let failure = Failure::new(FailureKind::Command, message).in_stage(stage);
        self.tell(WorkerEvent::PartFailed { failure }).await;
    }

    /// One chunk of a stage's log.
    pub(crate) fn chunk(&self, stage: &str, (sequence, offset): (u64, u64), text: &[u8]) -> BytesMut {
        let mut body = BytesMut::new();
        let header = FrameHeader::Chunk {
            stage: stage.into(),
            attempt: self.assignment.attempt,
            sequence,
            offset,
            len: u32::try_from(text.len()).expect("a small chunk"),
        };
        encode(&header, text, &mut body);
        body
    }

    pub(crate) fn mark(&self, stage: &str, offset: u64, mark: Mark) -> BytesMut {
        let mut body = BytesMut::new();
        let header = FrameHeader::Mark {
            stage: stage.into(),
            attempt: self.assignment.attempt,
            offset,
            mark,
        };
        encode(&header, b"", &mut body);
        body
    }

    pub(crate) async fn log(&self, frames: BytesMut) -> Response {
        self.request(Method::POST, "log")
            .body(frames.freeze())
            .send()
            .await
            .expect("an answer")
    }
}
