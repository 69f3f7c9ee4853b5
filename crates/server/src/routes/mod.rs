//! The router: every path, with its limits and the role it needs.

mod articles;
mod collections;
mod embeddings;
mod evaluate;
mod health;
mod jobs;
mod metrics;
mod search;

use crate::app::SharedApp;
use crate::jobs::Job;
use crate::keys::Role;
use crate::problem::{PROBLEM_JSON, Problem};
use crate::settings::Settings;
use crate::{api_docs, drain_body, guard, mcp, openai, page, unpack_body};
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::StatusCode;
use axum::http::header::{self, HeaderName, HeaderValue, LOCATION};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use std::time::Duration;
use tower_http::LatencyUnit;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};
use tower_http::trace::{DefaultOnResponse, TraceLayer};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Ref, ResponseBuilder};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The time limit of uploads and of MCP calls, which may run an evaluation.
const LONG_REQUEST_TIMEOUT: Duration = Duration::from_secs(3600);

/// The time limit of embeddings: as long as OpenAI's clients wait.
const EMBEDDINGS_TIMEOUT: Duration = Duration::from_secs(600);
/// The largest body of a request for embeddings: as many texts as are promised, of a few pages each.
const EMBEDDINGS_BODY_LIMIT: usize = 32 << 20;
/// The headers that pages of allowed origins may send: those of the API, and those of the Model
/// Context Protocol.
static ALLOWED_HEADERS: [HeaderName; 8] = [
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    header::ACCEPT,
    HeaderName::from_static("mcp-protocol-version"),
    HeaderName::from_static("mcp-session-id"),
    HeaderName::from_static("mcp-method"),
    HeaderName::from_static("mcp-name"),
    HeaderName::from_static("last-event-id"),
];
/// The headers that they may read.
static EXPOSED_HEADERS: [HeaderName; 5] = [
    header::LOCATION,
    header::RETRY_AFTER,
    header::WWW_AUTHENTICATE,
    HeaderName::from_static("mcp-session-id"),
    HeaderName::from_static("x-cache"),
];

/// The parts of the OpenAPI description that belong to no single path.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "nigh",
        description = "Semantic search over your own articles. Errors are RFC 9457 problems. If the server has API keys, every path described here except /healthz and /readyz needs one, and so do /metrics and /mcp: Authorization: Bearer nigh_…",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    components(schemas(Problem)),
    // Relative to the description itself, which may be below a path of a proxy.
    servers((url = ".", description = "This server")),
    modifiers(&Bearer),
    security(("key" = [])),
    tags(
        (name = "search", description = "Search"),
        (name = "articles", description = "Read and change articles"),
        (name = "collections", description = "Manage collections"),
        (name = "jobs", description = "Long-running work"),
        (name = "embeddings", description = "Embeddings, compatible with the OpenAI API"),
        (name = "health", description = "Liveness and readiness"),
    )
)]
struct Api;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let components = api.components.get_or_insert_default();
        components.add_security_scheme(
            "key",
            SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)),
        );
    }
}

/// The router of the whole server.
pub fn router(app: &SharedApp) -> Router {
    let requires = |role: Role| {
        middleware::from_fn(move |request: Request, next: Next| {
            guard::require_role(role, request, next)
        })
    };
    let limit_time = |limit: Duration| {
        middleware::from_fn(move |request: Request, next: Next| with_timeout(limit, request, next))
    };
    let Settings {
        timeout,
        body_limit,
        upload_limit,
        ..
    } = app.settings;
    let read = OpenApiRouter::new()
        .routes(routes!(search::get, search::post))
        .routes(routes!(search::batch))
        .routes(routes!(search::suggest))
        .routes(routes!(search::facets))
        .routes(routes!(search::map, search::map_by_post))
        .routes(routes!(articles::list::get))
        .routes(routes!(articles::read::get))
        .routes(routes!(collections::list))
        .routes(routes!(collections::get))
        .routes(routes!(evaluate::post))
        .routes(routes!(jobs::list))
        .routes(routes!(jobs::get, jobs::cancel))
        .routes(routes!(jobs::events))
        .routes(routes!(jobs::report))
        .routes(routes!(embeddings::models))
        .routes(routes!(embeddings::model))
        .routes(routes!(articles::read::get_by_post))
        .route_layer(requires(Role::Read));
    let write = OpenApiRouter::new()
        .routes(routes!(articles::change::put, articles::change::delete))
        .routes(routes!(
            articles::change::put_by_query,
            articles::change::delete_by_query
        ))
        .routes(routes!(collections::check))
        .route_layer(requires(Role::Write));
    let embeddings = OpenApiRouter::new()
        .routes(routes!(embeddings::post))
        .route_layer(requires(Role::Read));
    let uploads = OpenApiRouter::new()
        .routes(routes!(articles::upload::post))
        .route_layer(requires(Role::Write));
    let admin = OpenApiRouter::new()
        .routes(routes!(collections::create))
        .routes(routes!(collections::delete))
        .routes(routes!(collections::compact))
        .route_layer(requires(Role::Admin));
    let limited = limit_body(
        read.merge(write).merge(admin).layer(limit_time(timeout)),
        body_limit,
    );
    let embeddings = limit_body(
        embeddings.layer(limit_time(EMBEDDINGS_TIMEOUT)),
        body_limit.max(EMBEDDINGS_BODY_LIMIT),
    );
    let uploads = limit_body(
        uploads.layer(limit_time(LONG_REQUEST_TIMEOUT)),
        upload_limit,
    );
    let authenticate = middleware::from_fn_with_state(app.clone(), guard::authenticate);
    let limit_in_flight = middleware::from_fn_with_state(app.clone(), guard::limit_in_flight);
    let keyed = limited
        .merge(embeddings)
        .merge(uploads)
        .layer(authenticate.clone())
        .layer(limit_in_flight.clone());
    let open = OpenApiRouter::new()
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz));
    let (router, mut api) = OpenApiRouter::with_openapi(Api::openapi())
        .merge(keyed)
        .merge(open)
        .split_for_parts();
    document_problems(&mut api);
    let trace = TraceLayer::new_for_http()
        .make_span_with(|request: &Request| {
            let (method, path) = (request.method(), request.uri().path());
            tracing::info_span!("request", %method, path, key = tracing::field::Empty)
        })
        .on_response(
            DefaultOnResponse::new()
                .level(tracing::Level::INFO)
                .latency_unit(LatencyUnit::Micros),
        );
    let others = Router::new()
        .route("/metrics", get(metrics::get))
        .nest_service("/mcp", mcp::over_http(app))
        .layer(limit_time(LONG_REQUEST_TIMEOUT))
        .layer(authenticate)
        .layer(limit_in_flight);
    let router = router
        .merge(others)
        .merge(api_docs::router(api))
        .merge(page::router())
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed);
    unpack_body::unpack_bodies(router)
        .layer(middleware::from_fn_with_state(
            app.clone(),
            guard::check_host_and_origin,
        ))
        .layer(cors(&app.settings.allowed_origins))
        .layer(CatchPanicLayer::custom(
            |_: Box<dyn std::any::Any + Send>| {
                Problem::internal(&"a handler panicked").into_response()
            },
        ))
        .layer(middleware::from_fn(openai::write_errors))
        .layer(CompressionLayer::new())
        .layer(middleware::from_fn(drain_body::drain_body))
        .layer(middleware::from_fn(guard::security_headers))
        .layer(middleware::from_fn(crate::metrics::track_requests))
        .layer(trace)
        .with_state(app.clone())
}

/// Documents that every other response of an operation is a [`Problem`].
fn document_problems(api: &mut utoipa::openapi::OpenApi) {
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .build();
    let problem = ResponseBuilder::new()
        .description("Problem details, for example of a missing key (401), a missing role (403), a body that is too large (413), or too many requests (429)")
        .content(PROBLEM_JSON, content)
        .build();
    // The HTTP library rejects these before any handler runs.
    let too_long = ResponseBuilder::new()
        .description("The URL is longer than 64 kB; use POST instead")
        .build();
    for item in api.paths.paths.values_mut() {
        if let Some(get) = &mut item.get {
            get.responses
                .responses
                .insert("414".to_owned(), too_long.clone().into());
        }
        let operations = [
            &mut item.get,
            &mut item.post,
            &mut item.put,
            &mut item.delete,
        ];
        for operation in operations.into_iter().flatten() {
            operation
                .responses
                .responses
                .insert("default".to_owned(), problem.clone().into());
        }
    }
}

async fn not_found(request: Request) -> Problem {
    Problem::not_found(format!(
        "there is nothing at {}; see /docs",
        request.uri().path()
    ))
}

async fn method_not_allowed(request: Request) -> Problem {
    let detail = format!(
        "{} is not for {}; see /docs",
        request.method(),
        request.uri().path()
    );
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail)
}

/// Fails with 408 if a request takes longer than `limit`, reading its body included.
async fn with_timeout(limit: Duration, request: Request, next: Next) -> Response {
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let detail = format!("it took longer than {} s", limit.as_secs_f32());
            Problem::new(StatusCode::REQUEST_TIMEOUT, detail).into_response()
        }
    }
}

/// Limits the bodies of requests, whether they say how long they are or not.
fn limit_body(router: OpenApiRouter<SharedApp>, limit: usize) -> OpenApiRouter<SharedApp> {
    router
        .layer(DefaultBodyLimit::max(limit))
        .layer(middleware::from_fn(move |request: Request, next: Next| {
            limit_content_length(limit, request, next)
        }))
}

/// Fails with 413 early if the `Content-Length` is too large.
async fn limit_content_length(limit: usize, request: Request, next: Next) -> Response {
    let length = request.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    let Some(length) = length.filter(|length| *length > limit as u64) else {
        return next.run(request).await;
    };
    let detail = format!("the body has {length} bytes: expected {limit} or fewer");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail).into_response()
}

/// Allows cross-origin requests from these origins.
fn cors(origins: &[String]) -> CorsLayer {
    let origins = origins
        .iter()
        .filter_map(|origin| HeaderValue::from_str(origin).ok());
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods(tower_http::cors::Any)
        .allow_headers(ALLOWED_HEADERS.clone())
        .expose_headers(EXPOSED_HEADERS.clone())
}

/// 202 Accepted, with the job and where to follow it.
fn job_accepted(job: Job) -> impl IntoResponse {
    (
        StatusCode::ACCEPTED,
        [(LOCATION, format!("/v1/jobs/{}", job.id))],
        Json(job),
    )
}

type AppState = State<SharedApp>;
