//! The page, compiled in.

use crate::app::Shared;
use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

/// A file of the page.
struct File {
    path: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
}

macro_rules! file {
    ($path:literal, $name:literal, $kind:literal) => {
        File { path: $path, kind: $kind, bytes: include_bytes!(concat!("../page/dist/", $name)) }
    };
}

static FILES: [File; 4] = [
    file!("/", "index.html", "text/html; charset=utf-8"),
    file!("/assets/page.js", "page.js", "text/javascript; charset=utf-8"),
    file!("/assets/page.css", "page.css", "text/css; charset=utf-8"),
    file!("/assets/icon.svg", "icon.svg", "image/svg+xml"),
];

/// The files of the page, each at its path.
pub fn router() -> Router<Shared> {
    FILES.iter().fold(Router::new(), |router, file| {
        router.route(file.path, get(move |headers: HeaderMap| async move { serve(file, &headers) }))
    })
}

/// A file, or that the browser's own copy is still good.
fn serve(file: &File, headers: &HeaderMap) -> Response {
    let tag = format!("\"{}\"", &blake3::hash(file.bytes).to_hex()[..16]);
    if headers.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, [(ETAG, tag)]).into_response();
    }
    let headers = [(CONTENT_TYPE, file.kind), (CACHE_CONTROL, "no-cache")];
    (headers, [(ETAG, tag)], file.bytes).into_response()
}
