//! The web page, compiled into the binary.

use crate::app::SharedApp;
use crate::etag;
use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

/// A file of the page.
struct File {
    path: &'static str,
    content_type: &'static str,
    bytes: &'static [u8],
}

macro_rules! file {
    ($path:literal, $name:literal, $kind:literal) => {
        File {
            path: $path,
            content_type: $kind,
            bytes: include_bytes!(concat!("../page/dist/", $name)),
        }
    };
}

static FILES: [File; 4] = [
    file!("/", "index.html", "text/html; charset=utf-8"),
    file!(
        "/assets/page.js",
        "page.js",
        "text/javascript; charset=utf-8"
    ),
    file!("/assets/page.css", "page.css", "text/css; charset=utf-8"),
    file!("/assets/icon.svg", "icon.svg", "image/svg+xml"),
];

/// Routes for the files of the page.
pub fn router() -> Router<SharedApp> {
    FILES.iter().fold(Router::new(), |router, file| {
        router.route(
            file.path,
            get(move |headers: HeaderMap| async move { serve(file, &headers) }),
        )
    })
}

/// A file, or 304 if the browser's copy is current.
fn serve(file: &File, headers: &HeaderMap) -> Response {
    let tag = format!("\"{}\"", &blake3::hash(file.bytes).to_hex()[..16]);
    if etag::matches(headers, &tag) {
        return (StatusCode::NOT_MODIFIED, [(ETAG, tag)]).into_response();
    }
    let headers = [
        (CONTENT_TYPE, file.content_type),
        (CACHE_CONTROL, "no-cache"),
    ];
    (headers, [(ETAG, tag)], file.bytes).into_response()
}
