//! A server that knows just enough of the protocol: it stores once what comes twice, and can be in a bad mood.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use circle_api::worker::frames::{FrameHeader, decode};
use circle_api::worker::{Enrolled, Events, EventsAnswer, HeartbeatAnswer, LogAnswer, LogHole, Order, SecretValue};
use circle_core::ids::{RunId, WorkerId};
use circle_core::run::{CancelCause, WorkerEvent};
use futures_util::StreamExt;
use http::{Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_stream::wrappers::ReceiverStream;
use uuid::Uuid;

type Body = BoxBody<Bytes, Infallible>;

/// How calls about runs are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    Good,
    /// Everything is stored, and every answer is lost.
    Forgetful,
    /// Nothing is stored.
    Away,
    /// The lease is gone.
    Firm,
    /// Heartbeats and events are told to cancel.
    Cancelling,
    /// The lease is gone when a part's end is told.
    Late,
}

/// The server; it ends when it is dropped.
pub(crate) struct PlayedServer {
    address: String,
    state: Arc<Mutex<State>>,
    _task: JoinSet<()>,
}

struct State {
    mood: Mood,
    orders: Option<mpsc::Sender<Bytes>>,
    events: Vec<WorkerEvent>,
    applied: BTreeMap<String, u64>,
    log: Vec<u8>,
    chunks: BTreeMap<String, u64>,
    log_requests: usize,
}

impl PlayedServer {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let state = Arc::new(Mutex::new(State {
            mood: Mood::Good,
            orders: None,
            events: Vec::new(),
            applied: BTreeMap::new(),
            log: Vec::new(),
            chunks: BTreeMap::new(),
            log_requests: 0,
        }));
        let mut task = JoinSet::new();
        task.spawn(serve(listener, state.clone()));
        Self {
            address,
            state,
            _task: task,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn run(number: u128) -> RunId {
        RunId::from_uuid(Uuid::from_u128(number))
    }

    pub(crate) fn offer(&self, number: u128) {
        self.order(&Order::Offer {
            run: Self::run(number),
            part: 0,
        });
    }

    pub(crate) fn order(&self, order: &Order) {
        let line = format!("{}\n", serde_json::to_string(order).expect("JSON"));
        let state = self.state.lock().expect("state");
        let orders = state.orders.as_ref().expect("a connected worker");
        orders.try_send(Bytes::from(line)).expect("room for an order");
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.state
            .lock()
            .expect("state")
            .orders
            .as_ref()
            .is_some_and(|orders| !orders.is_closed())
    }

    pub(crate) fn hang_up(&self) {
        self.state.lock().expect("state").orders = None;
    }

    pub(crate) fn set(&self, mood: Mood) {
        self.state.lock().expect("state").mood = mood;
    }

    pub(crate) fn events(&self) -> Vec<WorkerEvent> {
        self.state.lock().expect("state").events.clone()
    }

    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&self.state.lock().expect("state").log).into_owned()
    }

    pub(crate) fn log_requests(&self) -> usize {
        self.state.lock().expect("state").log_requests
    }
}

async fn serve(listener: TcpListener, state: Arc<Mutex<State>>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let state = state.clone();
        connections.spawn(async move {
            let service = service_fn(move |request| answer(state.clone(), request));
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn answer(state: Arc<Mutex<State>>, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let path = request.uri().path().to_owned();
    let run = path.split('/').nth(4).unwrap_or_default().to_owned();
    let body = request
        .into_body()
        .collect()
        .await
        .map(|body| body.to_bytes())
        .unwrap_or_default();
    let mut state = state.lock().expect("state");
    let mood = state.mood;
    Ok(match path.rsplit('/').next().unwrap_or_default() {
        "enrol" => {
            let worker = WorkerId::from_uuid(Uuid::from_u128(9));
            json(
                StatusCode::OK,
                &Enrolled {
                    worker,
                    token: SecretValue::new("a-worker"),
                },
            )
        }
        "orders" if mood == Mood::Away => status(StatusCode::SERVICE_UNAVAILABLE),
        "orders" => state.open_orders(),
        "claim" => json(StatusCode::OK, &assignment(&run)),
        _ if mood == Mood::Away => status(StatusCode::SERVICE_UNAVAILABLE),
        _ if mood == Mood::Firm && run == PlayedServer::run(1).to_string() => status(StatusCode::CONFLICT),
        "heartbeat" => {
            let cancel = (mood == Mood::Cancelling).then_some(CancelCause::Requested);
            json(StatusCode::OK, &HeartbeatAnswer { lease_ms: 300, cancel })
        }
        "events" if mood == Mood::Late && ends(&body) => status(StatusCode::CONFLICT),
        "events" => {
            let answer = state.take_events(&run, &body);
            if mood == Mood::Forgetful {
                status(StatusCode::BAD_GATEWAY)
            } else {
                answer
            }
        }
        "log" => {
            let answer = state.take_log(&run, &body);
            if mood == Mood::Forgetful {
                status(StatusCode::BAD_GATEWAY)
            } else {
                answer
            }
        }
        _ => status(StatusCode::NOT_FOUND),
    })
}

impl State {
    fn open_orders(&mut self) -> Response<Body> {
        let (orders, lines) = mpsc::channel(1_024);
        let hello = Order::Hello {
            protocol: 1,
            server: "played".into(),
        };
        let line = format!("{}\n", serde_json::to_string(&hello).expect("JSON"));
        orders.try_send(Bytes::from(line)).expect("room");
        self.orders = Some(orders);
        let body = StreamBody::new(ReceiverStream::new(lines).map(|line| Ok(Frame::data(line))));
        Response::new(BodyExt::boxed(body))
    }

    fn take_events(&mut self, run: &str, body: &[u8]) -> Response<Body> {
        let sent: Events = serde_json::from_slice(body).expect("events");
        let applied = self.applied.entry(run.to_owned()).or_default();
        for event in sent.events {
            if event.sequence == *applied + 1 {
                *applied += 1;
                self.events.push(event.event);
            }
        }
        json(
            StatusCode::OK,
            &EventsAnswer {
                applied: *applied,
                cancel: (self.mood == Mood::Cancelling).then_some(CancelCause::Requested),
            },
        )
    }

    fn take_log(&mut self, run: &str, body: &Bytes) -> Response<Body> {
        self.log_requests += 1;
        let expected = self.chunks.entry(run.to_owned()).or_default();
        let mut stored_bytes = 0;
        for frame in decode(body.clone()).expect("frames") {
            let FrameHeader::Chunk { stage, sequence, .. } = frame.header else {
                continue;
            };
            if sequence > *expected {
                let hole = LogHole {
                    stage,
                    expected_sequence: *expected,
                    expected_offset: 0,
                };
                return json(StatusCode::CONFLICT, &hole);
            }
            if sequence == *expected {
                *expected += 1;
                stored_bytes += frame.bytes.len() as u64;
                self.log.extend_from_slice(&frame.bytes);
            }
        }
        json(StatusCode::OK, &LogAnswer { stored_bytes })
    }
}

/// Whether a part's success is among these events.
fn ends(body: &[u8]) -> bool {
    let sent: Events = serde_json::from_slice(body).expect("events");
    sent.events
        .iter()
        .any(|event| event.event == WorkerEvent::PartSucceeded)
}

fn assignment(run: &str) -> serde_json::Value {
    let trigger = json!({
        "event": {"kind": "push", "branch": "main"}, "git_ref": "refs/heads/main", "commit": null, "commit_time": null,
        "title": null, "actor": "somebody", "trust": "member", "key": "1", "changed_paths": null,
    });
    json!({
        "run": run, "part": 0, "attempt": 1, "fence": 1, "lease_ms": 300, "run_token": "a-run",
        "facts": {
            "run": run, "number": 1, "url": "http://localhost/1", "workspace": "main", "service": "shop",
            "repository": "git://localhost/shop", "trigger": trigger,
        },
        "plan": {"stages": [], "deploys": [], "timeout_s": 60, "silence_s": 60, "concurrency": "queue", "warnings": []},
        "reused": {}, "images": [], "clone_credential": null, "secrets": {}, "registries": [], "image_home": null,
        "push_confinement": [],
    })
}

fn json(status: StatusCode, value: &impl Serialize) -> Response<Body> {
    let bytes = serde_json::to_vec(value).expect("JSON");
    Response::builder()
        .status(status)
        .body(Full::new(Bytes::from(bytes)).boxed())
        .expect("a response")
}

fn status(status: StatusCode) -> Response<Body> {
    Response::builder()
        .status(status)
        .body(Full::new(Bytes::new()).boxed())
        .expect("a response")
}
