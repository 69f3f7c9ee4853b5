//! Runs work that waits for files outside the async threads.

use crate::problem::{Problem, Result};

/// Runs `work` on a thread where it may block. A panic there becomes a [`Problem`] with status 500.
pub async fn run_blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let span = tracing::Span::current();
    tokio::task::spawn_blocking(move || span.in_scope(work))
        .await
        .unwrap_or_else(|_| Err(Problem::internal(&"a thread panicked")))
}
