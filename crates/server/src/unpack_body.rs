//! Unpacks bodies of requests that are compressed with gzip.

use crate::problem::Problem;
use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, HeaderValue};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use tower_http::decompression::RequestDecompressionLayer;

/// Adds the unpacking to a router.
pub fn unpack_bodies<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    router
        .layer(RequestDecompressionLayer::new())
        .layer(middleware::from_fn(refuse_others))
}

/// Refuses bodies that are encoded otherwise.
async fn refuse_others(mut request: Request, next: Next) -> Response {
    let encodings = request.headers().get_all(CONTENT_ENCODING).iter();
    let encodings = encodings.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let encodings: Vec<String> = encodings
        .map(|one| String::from_utf8_lossy(one.trim_ascii()).to_ascii_lowercase())
        .filter(|one| !one.is_empty() && one != "identity")
        .collect();
    match encodings.as_slice() {
        [] => _ = request.headers_mut().remove(CONTENT_ENCODING),
        [gzip] if ["gzip", "x-gzip"].contains(&gzip.as_str()) => {
            request
                .headers_mut()
                .insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        others => {
            let detail = format!(
                "the body is encoded as {}: expected gzip, or none",
                others.join(", ")
            );
            let problem = Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail);
            let mut response = problem.into_response();
            response
                .headers_mut()
                .insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
            return response;
        }
    }
    next.run(request).await
}
