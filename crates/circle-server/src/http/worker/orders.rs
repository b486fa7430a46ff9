//! The stream of orders: one line of JSON each, a ping when nothing else was said.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use circle_api::worker::{Order, PING_SECONDS, PROTOCOL_VERSION};
use circle_core::ids::WorkerId;
use futures_util::stream;

use crate::auth::WorkerIdentity;
use crate::http::ApiError;
use crate::queue::{Coming, Stream};
use crate::records::WorkerRecord;
use crate::server::Server;
use crate::time::now_ms;

/// Opens the stream. A second one of the same worker takes the place of the first.
pub(super) async fn orders(State(server): State<Arc<Server>>, worker: WorkerIdentity) -> Result<Response, ApiError> {
    note_seen(&server, worker.id).await;
    let posting = worker.record.posting;
    let coming = Coming {
        reach: worker.reach(),
        cells: posting.map_or(worker.record.facts.max_cells, |_| 1),
        draining: worker.record.draining,
        only: posting.map(|posting| posting.run),
    };
    let inner = server.queue.connect(worker.id, coming, now_ms());
    let first = first_orders(&server, &worker).await;
    tracing::info!(worker = %worker.id, name = worker.record.name, "a worker connected");
    let open = Open {
        server,
        worker: worker.id,
        inner,
        first: first.into_iter(),
    };
    let lines = stream::unfold(open, |mut open| async move {
        let order = open.next().await?;
        Some((Ok::<Bytes, Infallible>(line(&order)), open))
    });
    let headers = [(CONTENT_TYPE, "application/x-ndjson"), (CACHE_CONTROL, "no-store")];
    Ok((headers, Body::from_stream(lines)).into_response())
}

/// A stream that a worker reads; dropping it takes its unanswered offers back.
struct Open {
    server: Arc<Server>,
    worker: WorkerId,
    inner: Stream,
    first: std::vec::IntoIter<Order>,
}

impl Open {
    async fn next(&mut self) -> Option<Order> {
        if let Some(order) = self.first.next() {
            return Some(order);
        }
        tokio::select! {
            order = self.inner.orders.recv() => order,
            () = self.server.shutdown.cancelled() => None,
            () = tokio::time::sleep(Duration::from_secs(PING_SECONDS)) => Some(Order::Ping),
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.server.queue.disconnect(self.worker, self.inner.number, now_ms());
        tracing::info!(worker = %self.worker, "a worker's stream ended");
    }
}

/// What a worker must hear although it was not connected when it was said.
async fn first_orders(server: &Server, worker: &WorkerIdentity) -> Vec<Order> {
    let server_name = format!("circle {}", env!("CARGO_PKG_VERSION"));
    let mut orders = vec![Order::Hello {
        protocol: PROTOCOL_VERSION,
        server: server_name,
    }];
    if worker.record.draining {
        orders.push(Order::Drain);
    }
    for (run, fence) in server.queue.held_by(worker.id) {
        if let Ok(Some((run, _))) = server.run(run).await
            && let Some(cancel) = run.cancel
        {
            orders.push(Order::Cancel {
                run: run.id,
                fence,
                cause: cancel.cause,
            });
        }
    }
    orders
}

async fn note_seen(server: &Server, worker: WorkerId) {
    let set = |record: &mut WorkerRecord| {
        record.seen_at = Some(now_ms());
        Ok::<(), Infallible>(())
    };
    if let Err(error) = server.records.update(&worker.to_string(), set).await {
        tracing::debug!(%error, %worker, "the time of a worker's coming was not written");
    }
}

fn line(order: &Order) -> Bytes {
    let mut text = serde_json::to_vec(order).expect("an order is made of plain fields");
    text.push(b'\n');
    text.into()
}
