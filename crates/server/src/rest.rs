//! What nobody reads of a request.
//!
//! A handler that needs no body, or refuses one, answers before it has come. The connection would then have to be closed
//! with the rest of the body on its way: a client that is still sending never sees the answer, and one that asks again on
//! the same connection meets its end.

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

/// So much is read of what nobody wants, if it comes at once.
const MOST: usize = 64 << 20;
/// How long all of it is waited for.
const WAIT: Duration = Duration::from_secs(2);

/// Reads what the handler leaves of the body, and drops it, before the answer goes out. Where there is too much of it
/// the answer says that the connection ends.
pub async fn read(request: Request, next: Next) -> Response {
    // Who asks before sending has sent nothing yet, and will not after a refusal.
    if request.body().is_end_stream() || request.headers().contains_key(EXPECT) {
        return next.run(request).await;
    }
    let version = request.version();
    let (parts, body) = request.into_parts();
    let body = Arc::new(Mutex::new(body.into_data_stream()));
    let mut response = next.run(Request::from_parts(parts, Body::from_stream(shared(body.clone())))).await;
    if !is_read(shared(body)).await && version < Version::HTTP_2 {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// What is left of a body, for whoever asks first.
fn shared(body: Arc<Mutex<BodyDataStream>>) -> impl Stream<Item = Result<Bytes, axum::Error>> + Unpin {
    poll_fn(move |context| body.lock().unwrap_or_else(PoisonError::into_inner).poll_next_unpin(context))
}

/// Whether the end of it came.
async fn is_read(mut rest: impl Stream<Item = Result<Bytes, axum::Error>> + Unpin) -> bool {
    let whole = async {
        let mut read = 0;
        while read <= MOST {
            match rest.next().await {
                Some(Ok(part)) => read += part.len(),
                None => return true,
                Some(Err(_)) => return false,
            }
        }
        false
    };
    tokio::time::timeout(WAIT, whole).await.unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;

    #[tokio::test(start_paused = true)]
    async fn a_body_that_drips_is_given_up() {
        let begun = tokio::time::Instant::now();
        let drip = stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_millis(900)).await;
            Some((Ok(Bytes::from_static(b"x")), ()))
        });
        assert!(!is_read(Box::pin(drip)).await);
        assert_eq!(begun.elapsed(), WAIT);
        let short = stream::iter([Ok(Bytes::from_static(b"x"))]);
        assert!(is_read(short).await);
        let endless = stream::repeat_with(|| Ok(Bytes::from(vec![0; 1 << 20])));
        assert!(!is_read(endless).await, "more than {MOST} bytes");
    }
}
