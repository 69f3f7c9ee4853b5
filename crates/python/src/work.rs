//! Running work without the interpreter's lock.

use crate::errors::{self, Class};
use crossbeam_channel::{Receiver, RecvTimeoutError, SendTimeoutError, Sender, bounded};
use engine::{Amount, Progress, Result};
use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;
use pyo3::types::PyIterator;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

/// How often the calling thread looks for Ctrl-C and reports progress.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// How often a lock that another thread holds is tried again.
const LOCK_INTERVAL: Duration = Duration::from_millis(2);

/// How many items of an iterable wait to be used.
const QUEUED_ITEMS: usize = 64;

/// Locks a mutex, also if a thread that held it has panicked.
pub fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Locks a mutex that may be held for long, or fails when the work is to stop. An iterable whose
/// articles are being added may itself want to write to the collection: nothing but Ctrl-C ends
/// that.
pub fn lock_unless_stopped<'a>(
    mutex: &'a Mutex<()>,
    reporter: &Reporter,
) -> Result<MutexGuard<'a, ()>> {
    loop {
        match mutex.try_lock() {
            Ok(guard) => return Ok(guard),
            Err(TryLockError::Poisoned(poisoned)) => return Ok(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_INTERVAL),
        }
        reporter.check()?;
    }
}

/// Runs short work on this thread.
pub fn direct<T: Send>(py: Python<'_>, work: impl FnOnce() -> Result<T> + Send) -> PyResult<T> {
    enter_process(py)?;
    open(py, work)
}

/// As [`direct`], for work that starts no threads that stay. A process may be forked after it.
pub fn open<T: Send>(py: Python<'_>, work: impl FnOnce() -> Result<T> + Send) -> PyResult<T> {
    let result = py.detach(|| catch_unwind(AssertUnwindSafe(work)));
    unwrap(py, result)
}

/// Runs long work on another thread. Ctrl-C, or an exception of `callback`, asks it to stop and is
/// raised when it has. `callback` gets the name of a stage, the units done and their total.
pub fn run<T: Send>(
    py: Python<'_>,
    callback: Option<&Bound<'_, PyAny>>,
    work: impl FnOnce(&Reporter) -> Result<T> + Send,
) -> PyResult<T> {
    run_with(py, callback, no_items, |reporter, _: Receiver<()>| {
        work(reporter)
    })
}

fn no_items(_: Python<'_>) -> PyResult<Option<()>> {
    Ok(None)
}

/// As [`run`], with a stream of items that `next` makes on the calling thread until it gives
/// `None`. An exception of `next` ends the stream, and is raised when the items before it are done.
pub fn run_with<T: Send, I: Send>(
    py: Python<'_>,
    callback: Option<&Bound<'_, PyAny>>,
    mut next: impl FnMut(Python<'_>) -> PyResult<Option<I>>,
    work: impl FnOnce(&Reporter, Receiver<I>) -> Result<T> + Send,
) -> PyResult<T> {
    enter_process(py)?;
    let reporter = Reporter::default();
    let (items, received) = bounded(QUEUED_ITEMS);
    let (running, ended) = bounded::<()>(0);
    let (result, raised) = std::thread::scope(|scope| {
        let reporter = &reporter;
        let thread = std::thread::Builder::new().name("nigh".to_owned());
        let worker = thread.spawn_scoped(scope, move || {
            let _running = running;
            catch_unwind(AssertUnwindSafe(|| work(reporter, received)))
        });
        let worker = worker.map_err(|error| {
            Class::Error.exception(py, format!("no thread could be started: {error}"))
        })?;
        let mut raised = feed(py, &mut next, items, reporter, callback).err();
        loop {
            let wait = || ended.recv_timeout(POLL_INTERVAL) == Err(RecvTimeoutError::Disconnected);
            let has_ended = py.detach(wait);
            if let Err(error) = reporter.tick(py, callback.filter(|_| raised.is_none())) {
                reporter.stop.store(true, Ordering::Relaxed);
                raised = raised.or(Some(error));
            }
            if has_ended {
                break;
            }
        }
        Ok::<_, PyErr>((worker.join().and_then(|result| result), raised))
    })?;
    match raised {
        Some(error) => Err(error),
        None => unwrap(py, result),
    }
}

/// Sends what `next` makes until it gives `None` or the receiver is gone. Ctrl-C and exceptions of
/// `callback` ask the work to stop.
fn feed<I: Send>(
    py: Python<'_>,
    next: &mut impl FnMut(Python<'_>) -> PyResult<Option<I>>,
    items: Sender<I>,
    reporter: &Reporter,
    callback: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    let stop = |error: PyErr| {
        reporter.stop.store(true, Ordering::Relaxed);
        error
    };
    let mut next = || {
        next(py).map_err(
            |error| match error.is_instance_of::<PyKeyboardInterrupt>(py) {
                true => stop(error),
                false => error,
            },
        )
    };
    while let Some(item) = next()? {
        let mut unsent = Some(item);
        while let Some(item) = unsent {
            unsent = match py.detach(|| items.send_timeout(item, POLL_INTERVAL)) {
                Err(SendTimeoutError::Timeout(item)) => Some(item),
                Err(SendTimeoutError::Disconnected(_)) => return Ok(()),
                Ok(()) => None,
            };
            reporter.tick(py, callback).map_err(stop)?;
        }
    }
    Ok(())
}

/// The items of a Python iterable, converted with `convert`, which gets their number from 0.
pub fn items_of<'a, 'py: 'a, T>(
    iterable: &'a Bound<'py, PyAny>,
    convert: impl Fn(usize, &Bound<'py, PyAny>) -> PyResult<T> + 'a,
) -> PyResult<impl FnMut(Python<'_>) -> PyResult<Option<T>> + 'a> {
    let mut items = PyIterator::from_object(iterable)?.enumerate();
    Ok(move |_: Python<'_>| {
        items
            .next()
            .map(|(number, item)| convert(number, &item?))
            .transpose()
    })
}

fn unwrap<T>(
    py: Python<'_>,
    result: std::result::Result<Result<T>, Box<dyn Any + Send>>,
) -> PyResult<T> {
    match result {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(errors::exception(py, &error)),
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
            let text = text.unwrap_or_else(|| "no message".to_owned());
            Err(Class::Internal.exception(py, format!("this is a bug in nigh: {text}")))
        }
    }
}

/// The process in which threads were first started; 0 for none yet.
static PROCESS: AtomicU32 = AtomicU32::new(0);

/// Notes that this process starts threads. Fails in one that was forked from a process that has
/// done so: the threads that search are not there, and waiting for them would never end.
fn enter_process(py: Python<'_>) -> PyResult<()> {
    let this = std::process::id();
    match PROCESS.compare_exchange(0, this, Ordering::Relaxed, Ordering::Relaxed) {
        Err(first) if first != this => Err(Class::Error.exception(
            py,
            "nigh was used in the process that this one was forked from, and its threads are not here; \
             start processes with multiprocessing.get_context(\"spawn\")",
        )),
        _ => Ok(()),
    }
}

/// The state of one stage.
#[derive(Debug, Clone, Copy)]
struct StageState {
    name: &'static str,
    done: u64,
    total: u64,
}

/// A line for Python's `logging`.
enum Line {
    Info(String),
    Warning(String),
}

#[derive(Default)]
struct Reports {
    /// Stages that have ended and were not reported as they ended.
    ended: Vec<StageState>,
    current: Option<StageState>,
    /// Whether `current` has changed since it was reported.
    changed: bool,
    lines: Vec<Line>,
}

/// Keeps what work reports until the calling thread hands it on.
#[derive(Default)]
pub struct Reporter {
    stop: AtomicBool,
    reports: Mutex<Reports>,
}

impl Reporter {
    /// Fails if the work is to stop.
    pub fn check(&self) -> Result<()> {
        if self.is_stopped() {
            Err(engine::Error::Stopped)
        } else {
            Ok(())
        }
    }

    /// Looks for signals, and hands on what there is.
    fn tick(&self, py: Python<'_>, callback: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        py.check_signals()?;
        let (stages, lines) = {
            let mut reports = lock(&self.reports);
            let mut stages = std::mem::take(&mut reports.ended);
            if std::mem::take(&mut reports.changed) {
                stages.extend(reports.current);
            }
            (stages, std::mem::take(&mut reports.lines))
        };
        if !lines.is_empty() {
            let logger = py.import("logging")?.call_method1("getLogger", ("nigh",))?;
            for line in lines {
                match line {
                    Line::Info(text) => logger.call_method1("info", ("%s", text))?,
                    Line::Warning(text) => logger.call_method1("warning", ("%s", text))?,
                };
            }
        }
        if let Some(callback) = callback {
            for StageState { name, done, total } in stages {
                callback.call1((name, done, total))?;
            }
        }
        Ok(())
    }
}

impl Progress for Reporter {
    fn start_stage(&self, name: &'static str, total: Amount) {
        let (Amount::Items(total) | Amount::Bytes(total)) = total;
        self.finish_stage();
        let mut reports = lock(&self.reports);
        reports.current = Some(StageState {
            name,
            done: 0,
            total,
        });
        reports.changed = true;
    }

    fn set_position(&self, done: u64) {
        let reports = &mut *lock(&self.reports);
        if let Some(current) = reports.current.as_mut().filter(|stage| done > stage.done) {
            current.done = done;
            reports.changed = true;
        }
    }

    fn set_message(&self, _: &str) {}

    fn finish_stage(&self) {
        let reports = &mut *lock(&self.reports);
        let ended = reports.current.take();
        if std::mem::take(&mut reports.changed) {
            reports.ended.extend(ended);
        }
    }

    fn skipped(&self, problem: &str) {
        lock(&self.reports)
            .lines
            .push(Line::Warning(format!("skipped {problem}")));
    }

    fn note(&self, text: &str) {
        lock(&self.reports).lines.push(Line::Info(text.to_owned()));
    }

    fn stop_flag(&self) -> &AtomicBool {
        &self.stop
    }
}
