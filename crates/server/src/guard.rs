//! Who may come in: keys and roles, hosts and origins; and what every response says to browsers.

use crate::app::Shared;
use crate::keys::Role;
use crate::problem::{Problem, Result};
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::IpAddr;

/// What the page may do: run its own code, ask its own server, and nothing else.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// The page for trying the API sets styles from its code.
const DOCS_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// A report is one file with its styles and code in it; it asks nobody anything.
pub const REPORT_POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox allow-scripts";

/// What a request may do, known once its key was looked at.
#[derive(Clone, Copy)]
pub struct Allowed(pub Role);

/// Refuses requests that a page elsewhere talked a browser into: a name that is not this server's (DNS
/// rebinding), or an origin that is not (cross-site requests).
pub async fn from_here(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let host = host_of(request.headers(), request.uri());
    let known = |name: &str| app.settings.hosts.iter().any(|host| host.eq_ignore_ascii_case(name));
    let checked = app.settings.listen.ip().is_loopback() || !app.settings.hosts.is_empty();
    if checked && !host.as_deref().map(name_of).is_some_and(|name| is_local(name) || known(name)) {
        let shown = host.as_deref().unwrap_or("nothing");
        return Problem::new(
            StatusCode::MISDIRECTED_REQUEST,
            format!("this server is not called {shown:?}; --host NAME lets it be"),
        )
        .into_response();
    }
    if let Some(origin) = request.headers().get(header::ORIGIN) {
        let origin = origin.to_str().unwrap_or_default();
        let own = origin.split_once("://").is_some_and(|(_, rest)| Some(rest) == host.as_deref());
        if !own && !app.settings.origins.iter().any(|known| known == origin) {
            return Problem::new(
                StatusCode::FORBIDDEN,
                format!("pages of {origin:?} may not ask this server; --allow-origin lets them"),
            )
            .into_response();
        }
    }
    next.run(request).await
}

/// Sends away who comes when so many are being answered that more would only fill memory.
pub async fn with_room(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let Ok(_room) = app.room.try_acquire() else {
        return Problem::busy("more requests come in than can be answered; try again in a second").into_response();
    };
    next.run(request).await
}

/// Looks at the key, and lets no one further who has none where one is needed.
pub async fn with_key(State(app): State<Shared>, mut request: Request, next: Next) -> Response {
    let role = match &app.keys {
        None => Role::Admin,
        Some(keys) => {
            let given = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
            let key =
                given.and_then(|given| given.split_once(' ')).filter(|(kind, _)| kind.eq_ignore_ascii_case("bearer"));
            match key.and_then(|(_, key)| keys.role(key.trim())) {
                Some((name, role)) => {
                    tracing::Span::current().record("key", name);
                    role
                }
                None => {
                    let detail = "an API key is needed: Authorization: Bearer nigh_…";
                    return Problem::new(StatusCode::UNAUTHORIZED, detail).into_response();
                }
            }
        }
    };
    request.extensions_mut().insert(Allowed(role));
    next.run(request).await
}

/// Lets those further whose role is `needed` or more.
pub async fn at_least(needed: Role, request: Request, next: Next) -> Response {
    // Looked at before this.
    let role = request.extensions().get::<Allowed>().map_or(Role::Read, |Allowed(role)| *role);
    match role.at_least(needed) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

impl Role {
    /// Refuses who may do less.
    pub fn at_least(self, needed: Self) -> Result<()> {
        if self >= needed {
            return Ok(());
        }
        let needed = match needed {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        };
        Err(Problem::new(StatusCode::FORBIDDEN, format!("this needs a key of the role {needed}")))
    }
}

/// What every response says to browsers.
pub async fn headers(request: Request, next: Next) -> Response {
    let docs = request.uri().path().starts_with("/docs");
    let https = request.extensions().get::<Https>().is_some();
    let cached = request.uri().path().starts_with("/assets/") && request.method() == Method::GET;
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    set(header::CONTENT_SECURITY_POLICY, if docs { DOCS_POLICY } else { PAGE_POLICY });
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::REFERRER_POLICY, "no-referrer");
    set(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    set(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    set(HeaderName::from_static("permissions-policy"), "camera=(), microphone=(), geolocation=()");
    if https {
        set(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
    if !cached {
        set(header::CACHE_CONTROL, "no-store");
    }
    response
}

/// Marks requests that came over TLS.
#[derive(Clone, Copy)]
pub struct Https;

fn host_of(headers: &HeaderMap, uri: &Uri) -> Option<String> {
    let header = headers.get(header::HOST).and_then(|host| host.to_str().ok()).map(str::to_owned);
    header.or_else(|| uri.authority().map(ToString::to_string))
}

/// A host without its port.
fn name_of(host: &str) -> &str {
    match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    }
}

/// Whether a name means this machine to those on it.
fn is_local(name: &str) -> bool {
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_this_machine() {
        for host in ["localhost", "LOCALHOST:7700", "127.0.0.1:80", "[::1]:7700", "127.8.9.1"] {
            assert!(is_local(name_of(host)), "{host}");
        }
        for host in ["", "evil.example:7700", "127.0.0.1.evil.example", "10.0.0.1", "localhost.evil.example"] {
            assert!(!is_local(name_of(host)), "{host}");
        }
    }
}
