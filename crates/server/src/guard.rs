//! Access control: API keys, roles, hosts and origins; and the security headers of responses.

use crate::app::SharedApp;
use crate::keys::Role;
use crate::problem::{Problem, Result};
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::IpAddr;

/// The page may run its own code and call its own server, nothing else.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// Swagger UI sets inline styles.
const DOCS_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// A report is a single file with inline styles and scripts. It makes no requests.
pub const REPORT_POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox allow-scripts";

/// The role of the caller. [`authenticate`] adds it to the request.
#[derive(Clone, Copy)]
pub struct CallerRole(pub Role);

/// Rejects requests that a page elsewhere made a browser send: those with a foreign `Host` (DNS
/// rebinding) or a foreign `Origin` (cross-site requests).
pub async fn check_host_and_origin(
    State(app): State<SharedApp>,
    request: Request,
    next: Next,
) -> Response {
    let host = request_host(request.headers(), request.uri());
    let is_allowed = |name: &str| {
        app.settings
            .allowed_hosts
            .iter()
            .any(|host| host.eq_ignore_ascii_case(name))
    };
    let must_check =
        app.settings.listen.ip().is_loopback() || !app.settings.allowed_hosts.is_empty();
    if must_check
        && !host
            .as_deref()
            .map(strip_port)
            .is_some_and(|name| is_loopback_name(name) || is_allowed(name))
    {
        let shown = host.as_deref().unwrap_or("nothing");
        return Problem::new(
            StatusCode::MISDIRECTED_REQUEST,
            format!("unknown host {shown:?}; the operator of this server can allow it"),
        )
        .into_response();
    }
    if let Some(origin) = request.headers().get(header::ORIGIN) {
        let origin = origin.to_str().unwrap_or_default();
        // Behind a proxy the host may be another one. Browsers say so themselves then, in a header
        // that pages cannot set.
        let is_own = origin
            .split_once("://")
            .is_some_and(|(_, rest)| Some(rest) == host.as_deref())
            || request
                .headers()
                .get("sec-fetch-site")
                .is_some_and(|site| site == "same-origin");
        if !is_own
            && !app
                .settings
                .allowed_origins
                .iter()
                .any(|allowed| allowed == origin)
        {
            return Problem::new(
                StatusCode::FORBIDDEN,
                format!(
                    "requests from pages of {origin:?} are not allowed; the operator of this server can allow them"
                ),
            )
            .into_response();
        }
    }
    next.run(request).await
}

/// Refuses requests with 429 while too many are in flight: more would only fill memory.
pub async fn limit_in_flight(
    State(app): State<SharedApp>,
    request: Request,
    next: Next,
) -> Response {
    let Ok(_permit) = app.in_flight.try_acquire() else {
        return Problem::too_many_requests(
            "too many requests are in progress; try again in a second",
        )
        .into_response();
    };
    next.run(request).await
}

/// Checks the API key if the server has keys, and adds the [`CallerRole`]. Without keys everybody
/// is an admin.
pub async fn authenticate(
    State(app): State<SharedApp>,
    mut request: Request,
    next: Next,
) -> Response {
    let role = match &app.keys {
        None => Role::Admin,
        Some(keys) => {
            let header = request
                .headers()
                .get(header::AUTHORIZATION)
                .and_then(|value| value.to_str().ok());
            let key = header
                .and_then(|header| header.split_once(' '))
                .filter(|(kind, _)| kind.eq_ignore_ascii_case("bearer"));
            let keys = keys.keys();
            match key.and_then(|(_, key)| keys.authenticate(key.trim())) {
                Some((name, role)) => {
                    tracing::Span::current().record("key", name);
                    role
                }
                None => {
                    let detail = match key {
                        None => "this needs an API key: Authorization: Bearer nigh_…",
                        Some(_) => {
                            "this API key is not known here; nigh key list names those that are"
                        }
                    };
                    return Problem::new(StatusCode::UNAUTHORIZED, detail).into_response();
                }
            }
        }
    };
    request.extensions_mut().insert(CallerRole(role));
    next.run(request).await
}

/// Lets callers through whose role is at least `needed`.
pub async fn require_role(needed: Role, request: Request, next: Next) -> Response {
    // [`authenticate`] has run before this.
    let role = request
        .extensions()
        .get::<CallerRole>()
        .map_or(Role::Read, |CallerRole(role)| *role);
    match role.require(needed) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

impl Role {
    /// Fails with 403 if this role is below `needed`.
    pub fn require(self, needed: Self) -> Result<()> {
        if self >= needed {
            return Ok(());
        }
        let needed = match needed {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        };
        Err(Problem::new(
            StatusCode::FORBIDDEN,
            format!("this needs a key with the role {needed}"),
        ))
    }
}

/// Sets the security headers of every response.
pub async fn security_headers(request: Request, next: Next) -> Response {
    let docs = request.uri().path().starts_with("/docs");
    let https = request.extensions().get::<Https>().is_some();
    let cached = request.uri().path().starts_with("/assets/") && request.method() == Method::GET;
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let is_event_stream = headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
    let mut set_default = |name: HeaderName, value: &'static str| {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    };
    set_default(
        header::CONTENT_SECURITY_POLICY,
        if docs { DOCS_POLICY } else { PAGE_POLICY },
    );
    set_default(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set_default(header::REFERRER_POLICY, "no-referrer");
    set_default(
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    );
    set_default(
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    );
    set_default(
        HeaderName::from_static("permissions-policy"),
        "camera=(), microphone=(), geolocation=()",
    );
    if is_event_stream {
        // Proxies such as nginx would keep events until there are many.
        set_default(HeaderName::from_static("x-accel-buffering"), "no");
    }
    if https {
        set_default(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
    if !cached {
        set_default(header::CACHE_CONTROL, "no-store");
    }
    response
}

/// Marks requests that came over TLS.
#[derive(Clone, Copy)]
pub struct Https;

fn request_host(headers: &HeaderMap, uri: &Uri) -> Option<String> {
    let header = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .map(str::to_owned);
    header.or_else(|| uri.authority().map(ToString::to_string))
}

/// A host without its port, and without the brackets of an IPv6 address.
fn strip_port(host: &str) -> &str {
    match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    }
}

/// Whether a host name means this machine: `localhost` or a loopback address.
fn is_loopback_name(name: &str) -> bool {
    name.eq_ignore_ascii_case("localhost")
        || name
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_names_are_recognized_with_and_without_ports() {
        for host in [
            "localhost",
            "LOCALHOST:7700",
            "127.0.0.1:80",
            "[::1]:7700",
            "127.8.9.1",
        ] {
            assert!(is_loopback_name(strip_port(host)), "{host}");
        }
        for host in [
            "",
            "evil.example:7700",
            "127.0.0.1.evil.example",
            "10.0.0.1",
            "localhost.evil.example",
        ] {
            assert!(!is_loopback_name(strip_port(host)), "{host}");
        }
    }
}
