//! Reads JSON bodies. What is wrong with one is said with the place and in the sender's words.

use crate::problem::{Problem, Result};
use crate::words::in_plain_words;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A JSON body. A rejection becomes a [`Problem`].
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self> {
        let kind = request.headers().get(CONTENT_TYPE);
        if !kind.is_some_and(|kind| is_json(kind.as_bytes())) {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "expected a body of JSON, with the header Content-Type: application/json",
            ));
        }
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|rejection| unreadable(rejection.status()))?;
        parse(&bytes).map(Self)
    }
}

fn unreadable(status: StatusCode) -> Problem {
    let detail = match status {
        StatusCode::PAYLOAD_TOO_LARGE => "the body is larger than this server accepts",
        _ => "the body is incomplete, or is not encoded as its header says",
    };
    Problem::new(status, detail)
}

/// Whether a media type is `application/json` or one like `application/problem+json`.
fn is_json(kind: &[u8]) -> bool {
    let kind = String::from_utf8_lossy(kind).to_ascii_lowercase();
    let name = kind.split(';').next().unwrap_or_default().trim();
    name.strip_prefix("application/")
        .is_some_and(|name| name == "json" || name.ends_with("+json"))
}

/// Deserializes JSON: what is no JSON is a 400, what is not the JSON that was expected is a 422.
fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let parsed = serde_path_to_error::deserialize(&mut json)
        .map_err(|error| error.to_string())
        .and_then(|parsed| {
            json.end()
                .map(|()| parsed)
                .map_err(|error| error.to_string())
        });
    let problem = match parsed {
        Ok(parsed) => return Ok(parsed),
        Err(problem) => problem,
    };
    let value: Value = serde_json::from_slice(bytes)
        .map_err(|error| Problem::bad_request(format!("the body is not JSON: {error}")))?;
    // serde_json reports some wrong types as if they were errors of syntax; this does not.
    let problem = match serde_path_to_error::deserialize::<_, T>(value) {
        Err(error) => error.to_string(),
        Ok(_) => problem,
    };
    let problem = in_plain_words(problem.strip_prefix(".: ").unwrap_or(&problem));
    Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, problem))
}

#[cfg(test)]
mod tests {
    use super::*;
    use query::Mode;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    struct Example {
        #[expect(dead_code, reason = "only read")]
        mode: Mode,
        #[expect(dead_code, reason = "only read")]
        list: Option<Vec<u8>>,
    }

    #[test]
    fn a_problem_names_the_member_and_no_rust_type() {
        for (json, status, words) in [
            (r#"{"mode": null}"#, 422, "mode: "),
            (r#"{"mode": "best"}"#, 422, "mode: unknown value `best`"),
            (r#"{"mode": "dense", "list": [1, "x"]}"#, 422, "list[1]: "),
            (
                r#"{"mode": "dense", "list": 1}"#,
                422,
                "list: invalid type: number `1`, expected a list",
            ),
            (
                r#"{"mode": "dense", "mode": "dense"}"#,
                422,
                "duplicate field `mode`",
            ),
            ("[]", 422, ""),
            ("7", 422, "expected an object"),
            ("{\"mode\": ", 400, "the body is not JSON"),
            (r#"{"mode": "dense"} x"#, 400, "the body is not JSON"),
            ("", 400, "the body is not JSON"),
        ] {
            let problem = parse::<Example>(json.as_bytes()).unwrap_err();
            assert_eq!(
                problem.status().as_u16(),
                status,
                "{json}: {}",
                problem.detail()
            );
            assert!(
                problem.detail().contains(words),
                "{json}: {}",
                problem.detail()
            );
            for rust in ["struct", "enum", "u8", "map"] {
                assert!(
                    !problem.detail().contains(rust),
                    "{json}: {}",
                    problem.detail()
                );
            }
        }
    }
}
