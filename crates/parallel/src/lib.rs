//! Runs work on many items, shared among workers.
//!
//! Takes workers, items and a deadline; gives results in the order of the items. Not rayon: that
//! has no deadline, and models must not run on its threads.

#![deny(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

/// Maps `items` in order. Each item goes to the next free of `workers`, which run on a thread each.
/// Returns the results of all items, or of a prefix of them if `deadline` passes; the first item is
/// always done.
///
/// # Errors
/// The error of the first item that failed. No item is started after a failure.
///
/// # Panics
/// If `work` panics.
pub fn map_in_order<W: Send, T: Sync, R: Send, E: Send>(
    workers: &mut [W],
    items: &[T],
    deadline: Option<Instant>,
    work: impl Fn(&mut W, &T) -> Result<R, E> + Sync,
) -> Result<Vec<R>, E> {
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let first_error: Mutex<Option<(usize, E)>> = Mutex::new(None);
    let run = |worker: &mut W| {
        let mut done = Vec::new();
        while !failed.load(Ordering::Relaxed) {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at) else { break };
            if at > 0 && deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                break;
            }
            match work(worker, item) {
                Ok(result) => done.push((at, result)),
                Err(error) => {
                    failed.store(true, Ordering::Relaxed);
                    let mut first = first_error.lock().unwrap_or_else(PoisonError::into_inner);
                    // Every earlier item was started before this one, so the first failing item is
                    // among those that get here.
                    if first.as_ref().is_none_or(|(earlier, _)| at < *earlier) {
                        *first = Some((at, error));
                    }
                }
            }
        }
        done
    };
    let run = &run;
    let mut all = Vec::with_capacity(items.len());
    std::thread::scope(|scope| {
        let (own, rest) = workers.split_at_mut(workers.len().min(1));
        let others: Vec<_> = rest
            .iter_mut()
            .map(|worker| scope.spawn(move || run(worker)))
            .collect();
        for worker in own {
            all.extend(run(worker));
        }
        for other in others {
            match other.join() {
                Ok(done) => all.extend(done),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    if let Some((_, error)) = first_error
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner)
    {
        return Err(error);
    }
    all.sort_unstable_by_key(|(at, _)| *at);
    // Items after the first one that was skipped at the deadline are dropped.
    let prefix = all
        .iter()
        .zip(0..)
        .take_while(|((at, _), position)| at == position)
        .count();
    all.truncate(prefix);
    Ok(all.into_iter().map(|(_, result)| result).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;
    use std::time::Duration;

    #[test]
    fn results_are_in_order_and_end_at_the_deadline() {
        let items: Vec<usize> = (0..100).collect();
        let all = map_in_order(&mut [(), (), ()], &items, None, |(), item| {
            Ok::<_, Infallible>(item * 2)
        })
        .unwrap();
        assert_eq!(all, (0..100).map(|item| item * 2).collect::<Vec<_>>());
        let soon = Instant::now() + Duration::from_millis(30);
        let some = map_in_order(&mut [(), ()], &items, Some(soon), |(), item| {
            std::thread::sleep(Duration::from_millis(5));
            Ok::<_, Infallible>(*item)
        });
        let some = some.unwrap();
        assert!(
            !some.is_empty() && some.len() < 100 && some == (0..some.len()).collect::<Vec<_>>()
        );
        let late = map_in_order(&mut [()], &items, Some(Instant::now()), |(), item| {
            Ok::<_, Infallible>(*item)
        })
        .unwrap();
        assert_eq!(late, [0], "the first item is always done");
    }

    #[test]
    fn first_error_is_returned_and_stops_the_work() {
        let items: Vec<usize> = (0..10_000).collect();
        let started = AtomicUsize::new(0);
        let work = |(): &mut (), item: &usize| {
            started.fetch_add(1, Ordering::Relaxed);
            if *item >= 50 { Err(*item) } else { Ok(()) }
        };
        assert_eq!(map_in_order(&mut [(), (), ()], &items, None, work), Err(50));
        assert!(started.into_inner() <= 53);
    }
}
