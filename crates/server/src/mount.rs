//! Serving below a path of another site, behind a proxy.
//!
//! The page and the API's description use relative URLs only. What is left is to take the path off
//! requests if the proxy does not, and to add it to the places that responses name.

use crate::problem::Problem;
use axum::Router;
use axum::extract::Request;
use axum::http::header::{HeaderMap, HeaderValue, LOCATION};
use axum::http::{Uri, uri::PathAndQuery};
use axum::response::{IntoResponse, Redirect, Response};
use tower::ServiceExt;

/// The header in which proxies say what path they have taken off.
const PREFIX_HEADER: &str = "x-forwarded-prefix";

/// Whether a path is one to serve below: it begins with a slash, does not end with one, and needs
/// no escapes.
pub fn is_base_path(path: &str) -> bool {
    path.len() > 1
        && !path.ends_with('/')
        && path
            .strip_prefix('/')
            .is_some_and(|rest| rest.split('/').all(is_segment))
}

fn is_segment(segment: &str) -> bool {
    !["", ".", ".."].contains(&segment)
        && segment
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-._~".contains(c))
}

/// Serves `router` at `base_path`, and at the root for proxies that take the path off.
pub fn mount(router: Router, base_path: String) -> Router {
    Router::new().fallback(move |request: Request| serve(router, base_path, request))
}

async fn serve(router: Router, base_path: String, mut request: Request) -> Response {
    let stripped = strip(request.uri(), &base_path);
    let prefix = match &stripped {
        Some(_) => base_path,
        None => forwarded_prefix(request.headers()).unwrap_or(base_path),
    };
    if let Some(path) = stripped {
        // Relative URLs on the page need the slash.
        if path.is_empty() {
            return Redirect::permanent(&format!("{prefix}/")).into_response();
        }
        let mut parts = request.uri().clone().into_parts();
        match path.parse::<PathAndQuery>() {
            Ok(path) => parts.path_and_query = Some(path),
            Err(error) => return Problem::bad_request(error.to_string()).into_response(),
        }
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
    let Ok(mut response) = router.oneshot(request).await;
    if let Some(place) = response.headers_mut().get_mut(LOCATION) {
        let path = place.to_str().ok().filter(|path| path.starts_with('/'));
        let whole = path.and_then(|path| HeaderValue::from_str(&format!("{prefix}{path}")).ok());
        if let Some(whole) = whole {
            *place = whole;
        }
    }
    response
}

/// Path and query without the base path; `None` if they are not below it.
fn strip(uri: &Uri, base_path: &str) -> Option<String> {
    if base_path.is_empty() {
        return None;
    }
    let rest = uri.path_and_query()?.as_str().strip_prefix(base_path)?;
    (rest.is_empty() || rest.starts_with(['/', '?'])).then(|| rest.to_owned())
}

/// The path that a proxy says it has taken off, if it looks like one.
fn forwarded_prefix(headers: &HeaderMap) -> Option<String> {
    let prefix = headers.get(PREFIX_HEADER)?.to_str().ok()?;
    let prefix = prefix.trim().trim_end_matches('/');
    is_base_path(prefix).then(|| prefix.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use axum::routing::get;

    #[test]
    fn only_plain_paths_are_base_paths() {
        for path in ["/search", "/a/b-c_d.e", "/~me"] {
            assert!(is_base_path(path), "{path}");
        }
        for path in [
            "",
            "/",
            "search",
            "/search/",
            "//evil.example",
            "/a/../b",
            "/a b",
            "/a?b",
            "/%2e",
        ] {
            assert!(!is_base_path(path), "{path}");
        }
    }

    #[tokio::test]
    async fn places_are_named_with_the_path_that_a_proxy_took_off_or_not() {
        let moved = || async { ([(LOCATION, "/v1/jobs/1")], "moved") };
        let router = Router::new().route("/move", get(moved));
        for (base_path, path, prefix, place) in [
            ("", "/move", None, "/v1/jobs/1"),
            ("", "/move", Some("/search/"), "/search/v1/jobs/1"),
            ("", "/move", Some("https://evil.example"), "/v1/jobs/1"),
            ("", "/move", Some("//evil.example"), "/v1/jobs/1"),
            ("/s", "/s/move?x", None, "/s/v1/jobs/1"),
            ("/s", "/move", None, "/s/v1/jobs/1"),
            ("/s", "/s", None, "/s/"),
        ] {
            let mut request = Request::builder().uri(path);
            if let Some(prefix) = prefix {
                request = request.header(PREFIX_HEADER, prefix);
            }
            let request = request.body(Body::empty()).unwrap();
            let mounted = mount(router.clone(), base_path.to_owned());
            let response = mounted.oneshot(request).await.unwrap();
            assert_eq!(response.headers()[LOCATION], place, "{base_path} {path}");
        }
    }
}
