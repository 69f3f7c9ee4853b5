//! Liveness and readiness.

use super::AppState;
use crate::problem::Problem;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

/// The server is up.
#[derive(Serialize, ToSchema)]
#[schema(as = Well)]
pub struct HealthResponse {
    /// Always `ok`.
    status: &'static str,
}

/// Check whether the server is alive
#[utoipa::path(get, operation_id = "healthz", path = "/healthz", tag = "health", security(()), responses((status = 200, body = HealthResponse)))]
pub async fn healthz() -> Json<HealthResponse> {
    Json(HealthResponse { status: "ok" })
}

/// Check whether the server accepts questions
///
/// It does not while its queue is full.
#[utoipa::path(get, operation_id = "readyz", path = "/readyz", tag = "health", security(()),
    responses((status = 200, body = HealthResponse)))]
pub async fn readyz(State(app): AppState) -> Result<Json<HealthResponse>, Problem> {
    if app.pool.is_full() {
        return Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "the queue of questions is full",
        ));
    }
    Ok(Json(HealthResponse { status: "ok" }))
}
