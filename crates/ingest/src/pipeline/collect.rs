//! Collects the vectors into their articles.

use super::{Event, MAX_IN_FLIGHT_ARTICLES, Message, Pending, Totals};
use crate::Result;
use crossbeam_channel::Receiver;
use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

/// Collects the vectors into their articles and delivers all events in order.
pub(super) fn collect(
    inbox: Receiver<Message>,
    returned: Receiver<()>,
    stop: &AtomicBool,
    sink: &mut dyn FnMut(Event, &Totals) -> ControlFlow<()>,
) -> Result<Totals> {
    let mut totals = Totals::default();
    let mut pending: VecDeque<Pending> = VecDeque::new();
    let mut first = 0;
    for message in inbox {
        match message {
            Message::Started(number, started) => {
                debug_assert_eq!(number, first + pending.len() as u64);
                pending.push_back(started);
            }
            Message::Embedded {
                article,
                passage,
                result,
            } => {
                let embedding = result.inspect_err(|_| stop.store(true, Ordering::Relaxed))?;
                totals.embedded += 1;
                totals.tokens += embedding.tokens;
                totals.truncated_passages += usize::from(embedding.truncated_tokens > 0);
                totals.truncated_tokens += embedding.truncated_tokens;
                if let Some(Pending {
                    event: Event::Article(embedded),
                    missing,
                    ..
                }) = pending.get_mut((article - first) as usize)
                {
                    embedded.passages[passage].vector = Some(embedding.vector);
                    *missing -= 1;
                }
            }
        }
        while pending.front().is_some_and(|front| front.missing == 0) {
            let Some(Pending {
                event,
                bytes,
                permits,
                ..
            }) = pending.pop_front()
            else {
                break;
            };
            totals.bytes = bytes;
            first += 1;
            (0..permits).for_each(|_| _ = returned.recv());
            if let Event::Article(article) = &event {
                totals.passages += article.passages.len();
            }
            if sink(event, &totals).is_break() {
                stop.store(true, Ordering::Relaxed);
                return Ok(totals);
            }
        }
    }
    Ok(totals)
}

/// How many of the [`MAX_IN_FLIGHT_ARTICLES`] permits an article of `bytes` bytes takes if at most
/// `max_bytes` may be in flight.
pub(super) fn permits(bytes: usize, max_bytes: usize) -> usize {
    bytes
        .div_ceil((max_bytes / MAX_IN_FLIGHT_ARTICLES).max(1))
        .clamp(1, MAX_IN_FLIGHT_ARTICLES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permits_bound_the_bytes_in_flight() {
        assert_eq!(
            [0, 1, 100, 101, 25_600, usize::MAX].map(|bytes| permits(bytes, 25_600)),
            [1, 1, 1, 2, 256, 256]
        );
        for bytes in [1, 99, 199, 250, 3_333] {
            let at_once = MAX_IN_FLIGHT_ARTICLES / permits(bytes, 25_600);
            assert!(at_once * bytes <= 25_600, "{at_once} of {bytes} bytes");
        }
    }
}
