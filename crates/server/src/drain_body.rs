//! Reads the part of a request body that its handler has left unread.
//!
//! A handler that needs no body, or rejects it, responds before the body has arrived. Closing the
//! connection then would reset it: a client that is still sending would never see the response, and
//! one that reuses the connection would get an error.

use axum::body::{Body, BodyDataStream, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::header::{CONNECTION, EXPECT, HeaderValue};
use axum::http::version::Version;
use axum::middleware::Next;
use axum::response::Response;
use futures_util::stream::poll_fn;
use futures_util::{Stream, StreamExt};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Bodies with more left than this are not drained.
const MAX_DRAINED_BYTES: usize = 64 << 20;
/// The most time that draining may take in all.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

/// Discards what the handler leaves of the body before the response goes out. If that is too much
/// or too slow, the response announces that the connection closes.
pub async fn drain_body(request: Request, next: Next) -> Response {
    // With `Expect: 100-continue` the client has sent nothing yet, and sends nothing after a
    // refusal.
    if request.body().is_end_stream() || request.headers().contains_key(EXPECT) {
        return next.run(request).await;
    }
    let version = request.version();
    let (parts, body) = request.into_parts();
    let body = Arc::new(Mutex::new(body.into_data_stream()));
    let mut response = next
        .run(Request::from_parts(
            parts,
            Body::from_stream(shared(body.clone())),
        ))
        .await;
    if !drain(shared(body)).await && version < Version::HTTP_2 {
        response
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// A stream of the rest of the body, for the handler first and for draining afterwards.
fn shared(
    body: Arc<Mutex<BodyDataStream>>,
) -> impl Stream<Item = Result<Bytes, axum::Error>> + Unpin {
    poll_fn(move |context| {
        body.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .poll_next_unpin(context)
    })
}

/// Discards the rest; whether its end was reached.
async fn drain(mut rest: impl Stream<Item = Result<Bytes, axum::Error>> + Unpin) -> bool {
    let drained = async {
        let mut read = 0;
        while read <= MAX_DRAINED_BYTES {
            match rest.next().await {
                Some(Ok(part)) => read += part.len(),
                None => return true,
                Some(Err(_)) => return false,
            }
        }
        false
    };
    tokio::time::timeout(DRAIN_TIMEOUT, drained)
        .await
        .unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;

    #[tokio::test(start_paused = true)]
    async fn draining_gives_up_on_slow_and_on_endless_bodies() {
        let started = tokio::time::Instant::now();
        let drip = stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_millis(900)).await;
            Some((Ok(Bytes::from_static(b"x")), ()))
        });
        assert!(!drain(Box::pin(drip)).await);
        assert_eq!(started.elapsed(), DRAIN_TIMEOUT);
        let short = stream::iter([Ok(Bytes::from_static(b"x"))]);
        assert!(drain(short).await);
        let endless = stream::repeat_with(|| Ok(Bytes::from(vec![0; 1 << 20])));
        assert!(!drain(endless).await, "more than {MAX_DRAINED_BYTES} bytes");
    }
}
