//! Errors in the shape of OpenAI's API, whose clients show `error.message` and nothing else.

use crate::problem::Problem;
use axum::Json;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// A problem with OpenAI's members beside its own, which RFC 9457 allows.
#[derive(Serialize)]
struct ProblemForOpenAi<'a> {
    #[serde(flatten)]
    problem: &'a Problem,
    error: Error<'a>,
}

#[derive(Serialize)]
struct Error<'a> {
    message: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    /// The parameter that is wrong.
    param: Option<&'a str>,
    code: Option<&'static str>,
}

/// Writes the errors of the paths that are OpenAI's.
pub async fn write_errors(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let is_theirs =
        path == "/v1/embeddings" || path == "/v1/models" || path.starts_with("/v1/models/");
    let response = next.run(request).await;
    if !is_theirs {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Some(problem) = parts.extensions.get::<Problem>() else {
        return Response::from_parts(parts, body);
    };
    // Theirs has no 422.
    let problem = match problem.status() {
        StatusCode::UNPROCESSABLE_ENTITY => &Problem::bad_request(problem.detail()),
        _ => problem,
    };
    parts.status = problem.status();
    let detail = problem.detail();
    let (kind, code) = kind(problem.status());
    let error = Error {
        message: detail,
        kind,
        param: detail
            .split_once(": ")
            .map(|(param, _)| param)
            .filter(|param| is_parameter(param)),
        code,
    };
    let written = Json(ProblemForOpenAi { problem, error }).into_response();
    parts.headers.remove(axum::http::header::CONTENT_LENGTH);
    Response::from_parts(parts, written.into_body())
}

fn kind(status: StatusCode) -> (&'static str, Option<&'static str>) {
    match status {
        StatusCode::UNAUTHORIZED => ("invalid_request_error", Some("invalid_api_key")),
        StatusCode::FORBIDDEN => ("invalid_request_error", Some("insufficient_permissions")),
        StatusCode::NOT_FOUND => ("invalid_request_error", Some("model_not_found")),
        StatusCode::TOO_MANY_REQUESTS => ("rate_limit_error", Some("rate_limit_exceeded")),
        status if status.is_server_error() => ("server_error", None),
        _ => ("invalid_request_error", None),
    }
}

/// Whether a message begins with the name of a parameter, such as `input` or `input[3]`.
fn is_parameter(text: &str) -> bool {
    let (name, index) = text.split_once('[').unwrap_or((text, "]"));
    !name.is_empty()
        && name.chars().all(|c| c.is_ascii_lowercase() || c == '_')
        && index.ends_with(']')
}
