//! The OpenAPI description at `/openapi.json`, and Swagger UI at `/docs/`.
//!
//! Swagger UI is compiled in as an archive; a file is unpacked when it is requested.

use crate::app::SharedApp;
use crate::problem::{Problem, Result};
use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Json, Router};
use std::borrow::Cow;
use std::io::{Cursor, Read};
use std::sync::Arc;
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;
use zip::ZipArchive;

const INDEX_HTML: &str = include_str!("../docs/index.html");
const START_SCRIPT: &str = include_str!("../docs/start.js");
const LEGIBLE_STYLES: &str = include_str!("../docs/legible.css");

/// Routes for the description and for Swagger UI.
pub fn router(api: OpenApi) -> Router<SharedApp> {
    let api = Arc::new(api);
    Router::new()
        .route(
            "/openapi.json",
            get(move || async move { Json(api).into_response() }),
        )
        .route("/docs", get(|| async { Redirect::permanent("docs/") }))
        .route(
            "/docs/",
            get(|| async { cacheable("text/html; charset=utf-8", INDEX_HTML) }),
        )
        .route("/docs/{file}", get(file))
}

async fn file(Path(name): Path<String>) -> Result<Response> {
    let content_type = match name.as_str() {
        "start.js" => return Ok(cacheable("text/javascript; charset=utf-8", START_SCRIPT)),
        "legible.css" => return Ok(cacheable("text/css; charset=utf-8", LEGIBLE_STYLES)),
        "swagger-ui-bundle.js" => "text/javascript; charset=utf-8",
        "swagger-ui.css" => "text/css; charset=utf-8",
        "favicon-32x32.png" => "image/png",
        _ => {
            return Err(Problem::not_found(format!(
                "there is nothing at /docs/{name}"
            )));
        }
    };
    Ok(cacheable(
        content_type,
        extract(&name).map_err(|error| Problem::internal(&error))?,
    ))
}

fn cacheable(content_type: &'static str, body: impl IntoResponse) -> Response {
    (
        [
            (CONTENT_TYPE, content_type),
            (CACHE_CONTROL, "max-age=3600"),
        ],
        body,
    )
        .into_response()
}

/// Unpacks a file of Swagger UI's `dist` folder.
fn extract(name: &str) -> zip::result::ZipResult<Vec<u8>> {
    let mut archive = ZipArchive::new(Cursor::new(SWAGGER_UI_VENDORED))?;
    let end = format!("/dist/{name}");
    let path = archive
        .file_names()
        .flatten()
        .find(|path| path.ends_with(&end))
        .map(Cow::into_owned);
    let mut bytes = Vec::new();
    archive
        .by_name(path.as_deref().unwrap_or(&end))?
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}
