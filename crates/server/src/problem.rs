//! Error responses as RFC 9457 problem details.

use crate::words::in_plain_words;
use axum::Json;
use axum::extract::FromRequestParts;
use axum::extract::multipart::MultipartError;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::io::ErrorKind;
use std::time::Duration;
use utoipa::ToSchema;

/// The media type of problem details.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// What went wrong, and what to do about it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Problem {
    /// Always `about:blank`: the status says what kind of problem it is.
    #[serde(rename = "type")]
    #[schema(example = "about:blank")]
    kind: &'static str,
    /// The status in words.
    title: &'static str,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What was expected and what was found.
    detail: String,
    /// Seconds to wait before retrying.
    #[serde(skip)]
    retry_after: Option<u32>,
}

/// The result of a handler.
pub type Result<T, E = Problem> = std::result::Result<T, E>;

impl Problem {
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let title = status.canonical_reason().unwrap_or("Error");
        Self {
            kind: "about:blank",
            title,
            status: status.as_u16(),
            detail: detail.into(),
            retry_after: None,
        }
    }

    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, detail)
    }

    /// 429: there is more work than can be done now. Suggests to retry after a second.
    pub fn too_many_requests(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, detail).retry_after(Duration::from_secs(1))
    }

    /// Adds the time to wait before retrying.
    pub fn retry_after(self, wait: Duration) -> Self {
        Self {
            retry_after: u32::try_from(wait.as_secs()).ok(),
            ..self
        }
    }

    /// 500. The error goes to the log only: it may name files.
    pub fn internal(error: &dyn std::fmt::Display) -> Self {
        tracing::error!(%error, "internal error");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal error; the server's log has the details",
        )
    }

    /// Replaces the detail.
    pub fn with_detail(self, detail: String) -> Self {
        Self { detail, ..self }
    }

    pub fn detail(&self) -> &str {
        &self.detail
    }

    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, retry_after) = (self.status(), self.retry_after);
        let mut response = (status, Json(&self)).into_response();
        // For those who have to write it in another shape.
        response.extensions_mut().insert(self);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if let Some(seconds) = retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<store::Error> for Problem {
    fn from(error: store::Error) -> Self {
        use store::Error;
        match &error {
            Error::NotFound { .. } => Self::not_found("no such collection"),
            Error::Locked { .. } => Self::conflict(
                "another process is writing to this collection; try again when it is done",
            )
            .retry_after(Duration::from_secs(2)),
            Error::FiltersUnsupported { .. } => Self::conflict(
                "this collection was made by an earlier version and does not support filters; index the articles into a new one",
            ),
            Error::Occupied { .. } => Self::conflict(
                "the server's folder has something else of this name that is not a collection",
            ),
            Error::UnknownField { .. } => Self::bad_request(error.to_string()),
            _ => Self::internal(&error),
        }
    }
}

impl From<query::Error> for Problem {
    fn from(error: query::Error) -> Self {
        match error {
            query::Error::EmptyQuery => Self::bad_request(error.to_string()),
            query::Error::Store(error) => error.into(),
            other => Self::internal(&other),
        }
    }
}

impl From<engine::Error> for Problem {
    fn from(error: engine::Error) -> Self {
        use engine::Error;
        match error {
            Error::Unusable(problem) => Self::bad_request(problem),
            Error::ModelsDiffer { .. }
            | Error::NoQueries
            | Error::NoJudgements
            | Error::NoArticleQuestions
            | Error::RerankedModeMissing(_)
            | Error::Eval(_) => Self::bad_request(error.to_string()),
            Error::Store(error) => error.into(),
            Error::Query(error) => error.into(),
            Error::Ingest(error) => error.into(),
            other => Self::internal(&other),
        }
    }
}

impl From<ingest::Error> for Problem {
    fn from(error: ingest::Error) -> Self {
        match &error {
            ingest::Error::Model { .. }
            | ingest::Error::UnknownModel { .. }
            | ingest::Error::NoOnnxRuntime { .. }
            | ingest::Error::Embedding { .. }
            | ingest::Error::Io(_) => Self::internal(&error),
            _ => Self::bad_request(error.to_string()),
        }
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::new(rejection.status(), in_plain_words(&rejection.body_text()))
    }
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Self {
        Self::new(rejection.status(), in_plain_words(&rejection.body_text()))
    }
}

impl From<MultipartError> for Problem {
    fn from(error: MultipartError) -> Self {
        // A body that breaks off, or is not what its encoding says, is reported as an error of the
        // server.
        if error.status().is_server_error() {
            return Self::bad_request("the form is incomplete or damaged");
        }
        Self::new(error.status(), error.body_text())
    }
}

/// An error of a file of the server itself, never of one that a client names.
impl From<std::io::Error> for Problem {
    fn from(error: std::io::Error) -> Self {
        let problem = Self::internal(&error);
        if matches!(
            error.kind(),
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded
        ) {
            return Self::new(
                StatusCode::INSUFFICIENT_STORAGE,
                "the server's disk is full",
            );
        }
        problem
    }
}

/// A response that cannot be serialized.
impl From<serde_json::Error> for Problem {
    fn from(error: serde_json::Error) -> Self {
        Self::internal(&error)
    }
}

/// The query of a URL. A rejection becomes a [`Problem`].
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(Problem))]
pub struct Params<T>(pub T);

/// The variable parts of a path. A rejection becomes a [`Problem`].
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(Problem))]
pub struct Path<T>(pub T);
