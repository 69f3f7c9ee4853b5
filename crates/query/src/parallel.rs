//! Work on many items, shared among workers.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

/// What `work` makes of the items, in their order, each on the next free of `workers`, which run on a thread each:
/// of all of them, or of the first ones where `deadline` comes before the last. The first item is done whatever
/// the time.
///
/// # Errors
/// That of the first item that `work` failed on. No item is begun once one has failed.
///
/// # Panics
/// When `work` does.
pub fn in_order<W: Send, T: Sync, R: Send, E: Send>(
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
                    // All before it were begun before it, so the first of all is among those that come here.
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
        let (first, rest) = workers.split_at_mut(workers.len().min(1));
        let others: Vec<_> = rest.iter_mut().map(|worker| scope.spawn(move || run(worker))).collect();
        for worker in first {
            all.extend(run(worker));
        }
        for other in others {
            match other.join() {
                Ok(done) => all.extend(done),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    if let Some((_, error)) = first_error.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    all.sort_unstable_by_key(|(at, _)| *at);
    // What one worker did past an item that another one had no time for is not next to it.
    let whole = all.iter().zip(0..).take_while(|((at, _), place)| at == place).count();
    all.truncate(whole);
    Ok(all.into_iter().map(|(_, result)| result).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;
    use std::time::Duration;

    #[test]
    fn work_is_done_in_order_and_stops_at_the_deadline() {
        let items: Vec<usize> = (0..100).collect();
        let all = in_order(&mut [(), (), ()], &items, None, |(), item| Ok::<_, Infallible>(item * 2)).unwrap();
        assert_eq!(all, (0..100).map(|item| item * 2).collect::<Vec<_>>());
        let soon = Instant::now() + Duration::from_millis(30);
        let some = in_order(&mut [(), ()], &items, Some(soon), |(), item| {
            std::thread::sleep(Duration::from_millis(5));
            Ok::<_, Infallible>(*item)
        });
        let some = some.unwrap();
        assert!(!some.is_empty() && some.len() < 100 && some == (0..some.len()).collect::<Vec<_>>());
        let late = in_order(&mut [()], &items, Some(Instant::now()), |(), item| Ok::<_, Infallible>(*item)).unwrap();
        assert_eq!(late, [0], "a search always gets something for its money");
    }

    #[test]
    fn the_first_error_is_told_and_ends_the_work() {
        let items: Vec<usize> = (0..10_000).collect();
        let begun = AtomicUsize::new(0);
        let work = |(): &mut (), item: &usize| {
            begun.fetch_add(1, Ordering::Relaxed);
            if *item >= 50 { Err(*item) } else { Ok(()) }
        };
        assert_eq!(in_order(&mut [(), (), ()], &items, None, work), Err(50));
        assert!(begun.into_inner() <= 53);
    }
}
