//! Every path: what it takes, what it gives, who may use it.

mod articles;
mod collections;
mod embeddings;
mod evaluate;
mod health;
mod jobs;
mod search;

pub use evaluate::{Evaluation, start};

use crate::app::Shared;
use crate::jobs::Job;
use crate::keys::Role;
use crate::problem::{PROBLEM_JSON, Problem};
use crate::settings::Settings;
use crate::{api_docs, guard, mcp, metrics, page, rest};
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::StatusCode;
use axum::http::header::{self, HeaderValue, LOCATION};
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

/// How long an upload may take, and what an assistant asks for: an evaluation for one.
const LONG: Duration = Duration::from_secs(3600);

/// What the whole of the API is about.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "nigh",
        description = "Semantic search over your own articles. Errors are RFC 9457 problems. Where the server has API keys, every path described here but /healthz and /readyz wants one, and so do /metrics and /mcp: Authorization: Bearer nigh_…",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    components(schemas(Problem)),
    modifiers(&Bearer),
    security(("key" = [])),
    tags(
        (name = "search", description = "Ask"),
        (name = "articles", description = "What a collection holds"),
        (name = "collections", description = "Collections and their care"),
        (name = "jobs", description = "Long work"),
        (name = "embeddings", description = "Vectors, in the shape of OpenAI's API"),
        (name = "health", description = "How the server is"),
    )
)]
struct Api;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let components = api.components.get_or_insert_default();
        components.add_security_scheme("key", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    }
}

/// Everything that is served.
pub fn router(app: &Shared) -> Router {
    let needs =
        |role: Role| middleware::from_fn(move |request: Request, next: Next| guard::at_least(role, request, next));
    let Settings { timeout, body_limit: sent, upload_limit: uploaded, .. } = app.settings;
    let read = OpenApiRouter::new()
        .routes(routes!(search::get, search::post))
        .routes(routes!(search::batch))
        .routes(routes!(search::suggest))
        .routes(routes!(search::facets))
        .routes(routes!(search::map))
        .routes(routes!(articles::list))
        .routes(routes!(articles::get))
        .routes(routes!(collections::list))
        .routes(routes!(collections::get))
        .routes(routes!(evaluate::post))
        .routes(routes!(jobs::list))
        .routes(routes!(jobs::get, jobs::cancel))
        .routes(routes!(jobs::events))
        .routes(routes!(jobs::report))
        .routes(routes!(embeddings::post))
        .routes(routes!(embeddings::models))
        .route_layer(needs(Role::Read));
    let write = OpenApiRouter::new()
        .routes(routes!(articles::put, articles::delete))
        .routes(routes!(collections::check))
        .route_layer(needs(Role::Write));
    let uploads = OpenApiRouter::new()
        .routes(routes!(articles::upload))
        .route_layer(needs(Role::Write))
        .layer(DefaultBodyLimit::max(uploaded))
        .layer(middleware::from_fn(move |request: Request, next: Next| no_larger(uploaded, request, next)))
        .layer(middleware::from_fn(|request: Request, next: Next| in_time(LONG, request, next)));
    let admin = OpenApiRouter::new()
        .routes(routes!(collections::create))
        .routes(routes!(collections::delete))
        .routes(routes!(collections::compact))
        .route_layer(needs(Role::Admin));
    let limited = read
        .merge(write)
        .merge(admin)
        .layer(DefaultBodyLimit::max(sent))
        .layer(middleware::from_fn(move |request: Request, next: Next| no_larger(sent, request, next)))
        .layer(middleware::from_fn(move |request: Request, next: Next| in_time(timeout, request, next)));
    let key = middleware::from_fn_with_state(app.clone(), guard::with_key);
    let room = middleware::from_fn_with_state(app.clone(), guard::with_room);
    let keyed = limited.merge(uploads).layer(key.clone()).layer(room.clone());
    let open = OpenApiRouter::new().routes(routes!(health::healthz)).routes(routes!(health::readyz));
    let (router, mut api) = OpenApiRouter::with_openapi(Api::openapi()).merge(keyed).merge(open).split_for_parts();
    with_problems(&mut api);
    let logged = TraceLayer::new_for_http()
        .make_span_with(|request: &Request| {
            let (method, path) = (request.method(), request.uri().path());
            tracing::info_span!("request", %method, path, key = tracing::field::Empty)
        })
        .on_response(DefaultOnResponse::new().level(tracing::Level::INFO).latency_unit(LatencyUnit::Micros));
    let others = Router::new()
        .route("/metrics", get(metrics::show))
        .nest_service("/mcp", mcp::over_http(app))
        .layer(middleware::from_fn(|request: Request, next: Next| in_time(LONG, request, next)))
        .layer(key)
        .layer(room);
    router
        .merge(others)
        .merge(api_docs::router(api))
        .merge(page::router())
        .fallback(nothing_here)
        .method_not_allowed_fallback(not_so)
        .layer(CompressionLayer::new())
        .layer(middleware::from_fn_with_state(app.clone(), guard::from_here))
        .layer(cors(&app.settings.origins))
        .layer(CatchPanicLayer::custom(|_: Box<dyn std::any::Any + Send>| {
            Problem::internal(&"a handler panicked").into_response()
        }))
        .layer(middleware::from_fn(rest::read))
        .layer(middleware::from_fn(guard::headers))
        .layer(middleware::from_fn(metrics::count))
        .layer(logged)
        .with_state(app.clone())
}

/// Says of every operation that whatever else it answers is a problem.
fn with_problems(api: &mut utoipa::openapi::OpenApi) {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    let problem = ResponseBuilder::new()
        .description("What went wrong: no key (401), the wrong one (403), too large (413), too many (429), …")
        .content(PROBLEM_JSON, content)
        .build();
    // Refused before anything here sees it.
    let too_long = ResponseBuilder::new().description("The URL is longer than 64 kB; POST takes what is long").build();
    for item in api.paths.paths.values_mut() {
        if let Some(get) = &mut item.get {
            get.responses.responses.insert("414".to_owned(), too_long.clone().into());
        }
        let operations = [&mut item.get, &mut item.post, &mut item.put, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            operation.responses.responses.insert("default".to_owned(), problem.clone().into());
        }
    }
}

async fn nothing_here(request: Request) -> Problem {
    Problem::not_found(format!("nothing is at {}; /docs shows what there is", request.uri().path()))
}

async fn not_so(request: Request) -> Problem {
    let detail = format!("{} is not for {}; /docs shows what is", request.method(), request.uri().path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail)
}

/// Ends a request that takes too long, reading its body included.
async fn in_time(limit: Duration, request: Request, next: Next) -> Response {
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let detail = format!("it took longer than {} s", limit.as_secs_f32());
            Problem::new(StatusCode::REQUEST_TIMEOUT, detail).into_response()
        }
    }
}

/// Refuses a body that says that it is too large.
async fn no_larger(limit: usize, request: Request, next: Next) -> Response {
    let length = request.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    let Some(length) = length.filter(|length| *length > limit as u64) else { return next.run(request).await };
    let detail = format!("the body has {length} bytes: expected {limit} or fewer");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail).into_response()
}

/// Lets pages of other sites ask, of those that were named.
fn cors(origins: &[String]) -> CorsLayer {
    let origins = origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok());
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods(tower_http::cors::Any)
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE])
}

/// A job that was begun, and where to look at it.
fn begun(job: Job) -> impl IntoResponse {
    (StatusCode::ACCEPTED, [(LOCATION, format!("/v1/jobs/{}", job.id))], Json(job))
}

type AppState = State<Shared>;
