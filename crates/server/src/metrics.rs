//! What is counted, for Prometheus.

use crate::app::{Shared, blocking};
use crate::problem::Result;
use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::sync::OnceLock;
use std::time::Instant;
use store::Stats;

pub const REQUESTS: &str = "nigh_http_requests_total";
pub const IN_FLIGHT: &str = "nigh_http_requests_in_flight";
pub const SECONDS: &str = "nigh_http_request_seconds";
pub const ANSWERS: &str = "nigh_answers_total";
pub const WAITING: &str = "nigh_questions_waiting";
pub const ARTICLES: &str = "nigh_articles";
pub const PASSAGES: &str = "nigh_passages";

/// Seconds, from a remembered answer to an overloaded server.
const BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// The process's recorder, made the first time.
pub fn recorder() -> PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE
        .get_or_init(|| {
            let builder = PrometheusBuilder::new();
            // The buckets are a constant that is not empty.
            let builder = match builder.set_buckets_for_metric(Matcher::Full(SECONDS.to_owned()), &BUCKETS) {
                Ok(builder) => builder,
                Err(_) => PrometheusBuilder::new(),
            };
            let recorder = builder.build_recorder();
            let handle = recorder.handle();
            // Another recorder in the process keeps its place; this one then stays empty.
            let _ = metrics::set_global_recorder(recorder);
            metrics::describe_counter!(REQUESTS, "Requests by route, method and status");
            metrics::describe_gauge!(IN_FLIGHT, "Requests that have no response yet, this one included");
            metrics::describe_histogram!(SECONDS, "Seconds from request to response, by route");
            metrics::describe_counter!(ANSWERS, "Answers, remembered or worked out");
            metrics::describe_gauge!(WAITING, "Questions that wait for a thread");
            handle
        })
        .clone()
}

/// Counts every request.
pub async fn count(request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let route = request.extensions().get::<MatchedPath>().map_or("other", MatchedPath::as_str).to_owned();
    let method = known(request.method());
    let in_flight = InFlight::new();
    let response = next.run(request).await;
    drop(in_flight);
    let status = response.status().as_u16().to_string();
    metrics::histogram!(SECONDS, "route" => route.clone()).record(begun.elapsed().as_secs_f64());
    metrics::counter!(REQUESTS, "route" => route, "method" => method, "status" => status).increment(1);
    response
}

/// A request without a response. One whose client has gone is dropped in the middle.
struct InFlight;

impl InFlight {
    fn new() -> Self {
        metrics::gauge!(IN_FLIGHT).increment(1.0);
        Self
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        metrics::gauge!(IN_FLIGHT).decrement(1.0);
    }
}

/// A method by its name: clients may make up others without end, and each would be counted for ever.
fn known(method: &Method) -> &'static str {
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

/// Answers `GET /metrics`.
pub async fn show(State(app): State<Shared>) -> Result<String> {
    blocking(move || Ok(render(&app))).await
}

fn render(app: &Shared) -> String {
    metrics::gauge!(WAITING).set(app.pool.waiting() as f64);
    let sizes: Vec<(String, Stats)> = app
        .collections
        .all()
        .into_iter()
        .filter_map(|hosted| Some((hosted.name.clone(), hosted.snapshot().collection.stats().ok()?)))
        .collect();
    let gauge = |name: &str, help: &str, of: &dyn Fn(&Stats) -> usize| {
        let lines =
            sizes.iter().map(|(collection, stats)| format!("{name}{{collection=\"{collection}\"}} {}\n", of(stats)));
        format!("# HELP {name} {help}\n# TYPE {name} gauge\n{}\n", lines.collect::<String>())
    };
    // Of the collections that there are: a recorder would go on showing those that are gone. Their names need no escapes.
    app.metrics.render()
        + &gauge(ARTICLES, "Articles, by collection", &|stats| stats.articles)
        + &gauge(PASSAGES, "Passages, by collection", &|stats| stats.passages)
}
