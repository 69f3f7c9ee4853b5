//! The metrics that `GET /metrics` exposes to Prometheus.

use axum::extract::{MatchedPath, Request};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::sync::OnceLock;
use std::time::Instant;

pub const REQUESTS_TOTAL: &str = "nigh_http_requests_total";
pub const REQUESTS_IN_FLIGHT: &str = "nigh_http_requests_in_flight";
pub const REQUEST_SECONDS: &str = "nigh_http_request_seconds";
pub const ANSWERS_TOTAL: &str = "nigh_answers_total";
pub const QUEUED_QUESTIONS: &str = "nigh_questions_waiting";
pub const ARTICLES: &str = "nigh_articles";
pub const PASSAGES: &str = "nigh_passages";

/// From a cached answer to an overloaded server.
const LATENCY_BUCKETS_SECONDS: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0,
];

/// The recorder of this process, installed on the first call.
pub fn prometheus() -> PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE
        .get_or_init(|| {
            let builder = PrometheusBuilder::new();
            // This fails only for an empty list of buckets.
            let builder = match builder.set_buckets_for_metric(
                Matcher::Full(REQUEST_SECONDS.to_owned()),
                &LATENCY_BUCKETS_SECONDS,
            ) {
                Ok(builder) => builder,
                Err(_) => PrometheusBuilder::new(),
            };
            let recorder = builder.build_recorder();
            let handle = recorder.handle();
            // If another recorder is installed already, it stays, and this one records nothing.
            let _ = metrics::set_global_recorder(recorder);
            metrics::describe_counter!(REQUESTS_TOTAL, "Requests by route, method and status");
            metrics::describe_gauge!(
                REQUESTS_IN_FLIGHT,
                "Requests that have no response yet, this one included"
            );
            metrics::describe_histogram!(
                REQUEST_SECONDS,
                "Seconds from request to response, by route"
            );
            metrics::describe_counter!(
                ANSWERS_TOTAL,
                "Answers, by where they came from: memory or search"
            );
            metrics::describe_gauge!(QUEUED_QUESTIONS, "Questions waiting for a worker thread");
            handle
        })
        .clone()
}

/// Counts and times every request.
pub async fn track_requests(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("other", MatchedPath::as_str)
        .to_owned();
    let method = method_label(request.method());
    let in_flight = InFlight::new();
    let response = next.run(request).await;
    drop(in_flight);
    let status = response.status().as_u16().to_string();
    metrics::histogram!(REQUEST_SECONDS, "route" => route.clone())
        .record(started.elapsed().as_secs_f64());
    metrics::counter!(REQUESTS_TOTAL, "route" => route, "method" => method, "status" => status)
        .increment(1);
    response
}

/// Counts a request as in flight. Dropping it also covers a handler that is cancelled because its
/// client has gone.
struct InFlight;

impl InFlight {
    fn new() -> Self {
        metrics::gauge!(REQUESTS_IN_FLIGHT).increment(1.0);
        Self
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        metrics::gauge!(REQUESTS_IN_FLIGHT).decrement(1.0);
    }
}

/// The label of a method. Clients can make up methods, and each label would be a time series that
/// never goes away.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
