//! What the server counts for whoever watches it, as OpenMetrics text.
//!
//! Promises: labels come from fixed sets (routes as they are written, methods, classes of status, verdicts), so that nobody's
//! input makes series; what is counted since the start is a counter, what is so now is asked for at the moment of reading.
//! Absences: no name of a workspace, service or person; no global registry.

use std::fmt;
use std::time::Duration;

use circle_core::run::Run;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use crate::queue::Queue;

/// In seconds; an answer is written to disk within a millisecond, and cut off after a minute.
const ANSWER_BUCKETS: [f64; 9] = [0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 20.0, 60.0];
/// In seconds; a free cell is there at once, and after two hours a run gives up.
const WAIT_BUCKETS: [f64; 9] = [0.05, 0.25, 1.0, 5.0, 30.0, 120.0, 600.0, 3_600.0, 7_200.0];

/// The type of the text, as OpenMetrics 1.0 names it.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    method: &'static str,
    route: String,
    /// `2xx`, `4xx` …
    status: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    verdict: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outgoing {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Cells {
    state: &'static str,
}

/// The counters of one server.
pub(crate) struct Metrics {
    registry: Registry,
    answers: Family<Answered, Counter>,
    answer_seconds: Histogram,
    ended: Family<Ended, Counter>,
    wait_seconds: Histogram,
    waiting: Gauge,
    active: Gauge,
    workers: Gauge,
    cells: Family<Cells, Gauge>,
    outgoing: Family<Outgoing, Counter>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("circle"),
            answers: Family::default(),
            answer_seconds: Histogram::new(ANSWER_BUCKETS),
            ended: Family::default(),
            wait_seconds: Histogram::new(WAIT_BUCKETS),
            waiting: Gauge::default(),
            active: Gauge::default(),
            workers: Gauge::default(),
            cells: Family::default(),
            outgoing: Family::default(),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        let registry = &mut self.registry;
        registry.register("build", "The version of the server", build);
        registry.register("http_answers", "Answers to requests, by route", self.answers.clone());
        registry.register(
            "http_answer_seconds",
            "Time to the beginning of an answer",
            self.answer_seconds.clone(),
        );
        registry.register("runs_ended", "Runs that ended", self.ended.clone());
        registry.register(
            "run_wait_seconds",
            "From a run's creation to its claim by a worker",
            self.wait_seconds.clone(),
        );
        registry.register("runs_waiting", "Runs that wait for a worker now", self.waiting.clone());
        registry.register(
            "runs_active",
            "Runs that a worker executes now, or that are deployed",
            self.active.clone(),
        );
        registry.register(
            "workers_connected",
            "Workers whose stream of orders is open",
            self.workers.clone(),
        );
        registry.register(
            "cells",
            "Cells of the connected workers that take runs",
            self.cells.clone(),
        );
        registry.register(
            "outgoing_calls",
            "Attempts to call a forge or a receiver, by what came of them",
            self.outgoing.clone(),
        );
    }

    /// An answer began.
    pub(crate) fn answered(
        &self,
        method: &http::Method,
        route: Option<&str>,
        status: http::StatusCode,
        took: Duration,
    ) {
        let answered = Answered {
            method: known(method),
            route: route.unwrap_or("none").to_owned(),
            status: class(status),
        };
        self.answers.get_or_create(&answered).inc();
        self.answer_seconds.observe(took.as_secs_f64());
    }

    /// A run was written as ended, once for each that ends.
    pub(crate) fn ended(&self, run: &Run) {
        let verdict = run.state.word();
        self.ended.get_or_create(&Ended { verdict }).inc();
    }

    /// A worker took a run.
    pub(crate) fn claimed(&self, waited_ms: i64) {
        self.wait_seconds.observe(waited_ms.max(0) as f64 / 1_000.0);
    }

    /// Everything as text, with what the queue knows now.
    pub(crate) fn text(&self, queue: &Queue, calls: &circle_net::Counters) -> Result<String, fmt::Error> {
        let figure = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let (waiting, active, workers) = queue.figures();
        self.waiting.set(figure(waiting));
        self.active.set(figure(active));
        self.workers.set(figure(workers));
        let (all, busy) = queue.cells();
        for (state, count) in [("busy", busy), ("free", all.saturating_sub(busy))] {
            self.cells.get_or_create(&Cells { state }).set(figure(count));
        }
        for (outcome, count) in calls.all() {
            let counter = self.outgoing.get_or_create(&Outgoing { outcome });
            counter.inc_by(count.saturating_sub(counter.get()));
        }
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Metrics").finish_non_exhaustive()
    }
}

/// A method of our routes; whatever else somebody sends is one.
fn known(method: &http::Method) -> &'static str {
    const METHODS: [&str; 6] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"];
    METHODS
        .into_iter()
        .find(|known| *known == method.as_str())
        .unwrap_or("other")
}

fn class(status: http::StatusCode) -> &'static str {
    match status.as_u16() {
        100..=199 => "1xx",
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        _ => "5xx",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::{Method, StatusCode};

    use super::Metrics;
    use crate::queue::Queue;

    #[test]
    fn what_happened_is_counted_and_foreign_words_make_no_series() {
        let metrics = Metrics::default();
        let odd = Method::from_bytes(b"BREW").expect("a method");
        let moment = Duration::from_millis(3);
        metrics.answered(&Method::GET, Some("/api/v1/runs/{run}"), StatusCode::OK, moment);
        metrics.answered(&Method::GET, Some("/api/v1/runs/{run}"), StatusCode::CREATED, moment);
        metrics.answered(&odd, None, StatusCode::NOT_FOUND, moment);
        metrics.claimed(1_500);
        metrics.claimed(-20);
        let text = metrics
            .text(&Queue::default(), &circle_net::Counters::default())
            .expect("text");
        for line in [
            "circle_http_answers_total{method=\"GET\",route=\"/api/v1/runs/{run}\",status=\"2xx\"} 2",
            "circle_http_answers_total{method=\"other\",route=\"none\",status=\"4xx\"} 1",
            "circle_http_answer_seconds_count 3",
            "circle_run_wait_seconds_bucket{le=\"0.05\"} 1",
            "circle_run_wait_seconds_sum 1.5",
            "circle_runs_waiting 0",
            "circle_cells{state=\"free\"} 0",
            "circle_outgoing_calls_total{outcome=\"denied\"} 0",
            "# EOF",
        ] {
            assert!(text.lines().any(|known| known == line), "no {line} in\n{text}");
        }
    }
}
