//! How the server is.

use super::AppState;
use crate::problem::Problem;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

/// All is well.
#[derive(Serialize, ToSchema)]
pub struct Well {
    /// Always `ok`.
    status: &'static str,
}

/// Whether the server is alive
#[utoipa::path(get, operation_id = "healthz", path = "/healthz", tag = "health", security(()), responses((status = 200, body = Well)))]
pub async fn healthz() -> Json<Well> {
    Json(Well { status: "ok" })
}

/// Whether the server takes questions
///
/// It does not while its queue is full.
#[utoipa::path(get, operation_id = "readyz", path = "/readyz", tag = "health", security(()),
    responses((status = 200, body = Well)))]
pub async fn readyz(State(app): AppState) -> Result<Json<Well>, Problem> {
    if app.pool.is_full() {
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the queue of questions is full"));
    }
    Ok(Json(Well { status: "ok" }))
}
