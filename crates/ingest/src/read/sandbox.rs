//! Reads untrusted files in a worker process with limits on memory and time. On hostile input, the
//! parsers of PDF, HTML, Parquet and office documents can loop forever, or exhaust memory or stack,
//! which no process survives by itself.
//!
//! The worker is the same program, started with hidden arguments, and runs [`worker_main`].
//! Requests and responses are lines of JSON. A worker that has died is replaced. Without a
//! [`Sandbox`], files are read in this process.

use super::read_in_process;
use super::reader::{Emit, Item, Limits};
use crate::article::Article;
use crate::source::Source;
use crate::{Error, Format, Result};
use disk::PathError;
use notes::Note;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often the worker checks its time limit, and whether its parent is still alive.
const WATCHDOG_INTERVAL: Duration = Duration::from_millis(50);
/// A worker that has read a larger file, in bytes, is not reused, so that its memory is freed.
const MAX_REUSE_FILE_BYTES: u64 = 1 << 20;

/// Starts workers, and keeps one that waits for a file to read.
#[derive(Debug)]
pub struct Sandbox {
    program: PathBuf,
    arguments: Vec<OsString>,
    idle_worker: Mutex<Option<Worker>>,
}

/// Whether the parser of a format can fail in ways that no process survives.
pub(super) fn is_needed(format: Format) -> bool {
    match format {
        Format::Pdf | Format::Html | Format::Parquet => true,
        Format::Document(kind) => kind.needs_sandbox(),
        _ => false,
    }
}

/// A request to the worker: one line of JSON.
#[derive(Serialize, Deserialize)]
struct Request {
    /// The bytes of the path, which may not be UTF-8.
    path: Vec<u8>,
    name: String,
    format: Format,
    limits: Limits,
}

/// A response of the worker: one line of JSON. Any number of items, then one of the last two.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Response {
    /// An article of the file.
    Article(Box<Article>),
    /// An error of the file or of one record.
    Failure(Failure),
    /// A note about the file.
    Note(Note),
    /// The file is finished; the worker waits for the next request.
    End,
    /// The time limit was exceeded; the worker exits.
    TooSlow,
}

/// An error of the file or of one record, without the file's path. The variants are those of
/// [`Error`] that a caller can do something about.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Failure {
    TooLarge {
        line: Option<u64>,
        bytes: u64,
        limit: u64,
    },
    Binary {
        offset: usize,
    },
    AlreadyEmbedded,
    Part {
        part: String,
        failure: Box<Failure>,
    },
    Other {
        line: Option<u64>,
        message: String,
    },
}

impl Failure {
    fn new(error: &Error) -> Self {
        match error {
            Error::TooLarge {
                line, bytes, limit, ..
            } => Self::TooLarge {
                line: *line,
                bytes: *bytes,
                limit: *limit,
            },
            Error::Binary { offset, .. } => Self::Binary { offset: *offset },
            Error::AlreadyEmbedded { .. } => Self::AlreadyEmbedded,
            Error::Part { part, error, .. } => Self::Part {
                part: part.clone(),
                failure: Box::new(Self::new(error)),
            },
            other => Self::Other {
                line: other.line(),
                message: other.message(),
            },
        }
    }

    fn with_path(self, path: &Path) -> Error {
        let path = path.to_owned();
        match self {
            Self::TooLarge { line, bytes, limit } => Error::TooLarge {
                path,
                line,
                bytes,
                limit,
            },
            Self::Binary { offset } => Error::Binary { path, offset },
            Self::AlreadyEmbedded => Error::AlreadyEmbedded { path },
            Self::Part { part, failure } => Error::Part {
                error: Box::new(failure.with_path(&path)),
                path,
                part,
            },
            Self::Other { line, message } => Error::malformed(path, line, message),
        }
    }
}

impl Sandbox {
    /// Workers are `program`, started with `arguments`.
    pub fn new(program: PathBuf, arguments: impl IntoIterator<Item = OsString>) -> Self {
        Self {
            program,
            arguments: arguments.into_iter().collect(),
            idle_worker: Mutex::new(None),
        }
    }

    /// Reads a file in a worker process; otherwise like [`super::read`].
    pub(super) fn read(&self, source: &Source, limits: Limits, emit: &mut Emit<'_>) -> Result<()> {
        let request = Request {
            path: bytes_of(&source.path),
            name: source.name.clone(),
            format: source.format,
            limits,
        };
        let mut worker = self.worker().map_err(PathError::at(&source.path))?;
        let wrong = |problem: String| Error::malformed(&source.path, None, problem);
        worker.send(&request);
        loop {
            let item = match worker.receive() {
                Some(Response::Article(article)) => Item::Article(article),
                Some(Response::Failure(failure)) => Item::Failed(failure.with_path(&source.path)),
                Some(Response::Note(note)) => Item::Note(note),
                Some(Response::End) => break,
                Some(Response::TooSlow) => {
                    return Err(wrong(format!(
                        "reading it takes longer than {} s",
                        limits.seconds
                    )));
                }
                None => {
                    let memory = limits.memory >> 20;
                    return Err(wrong(format!(
                        "the process that read it died: it needs more than {memory} MB of memory, or is nested too deeply"
                    )));
                }
            };
            if emit(item).is_break() {
                return Ok(());
            }
        }
        if source.bytes() <= MAX_REUSE_FILE_BYTES {
            *lock(&self.idle_worker) = Some(worker);
        }
        Ok(())
    }

    /// The idle worker if it is still alive, or else a new one.
    fn worker(&self) -> io::Result<Worker> {
        let idle = lock(&self.idle_worker).take();
        let alive = idle
            .and_then(|mut worker| matches!(worker.child.try_wait(), Ok(None)).then_some(worker));
        alive.map_or_else(|| self.start(), Ok)
    }

    fn start(&self) -> io::Result<Worker> {
        let failed =
            |what: &str| io::Error::other(format!("the reader process could not be started{what}"));
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        // A process group of its own, so that Ctrl-C does not reach it: the parent finishes the
        // current article.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn()?;
        let (Some(requests), Some(responses)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(failed(""));
        };
        let mut worker = Worker {
            child,
            requests,
            responses: BufReader::new(responses),
        };
        match worker.line().as_deref() {
            Some("\n") => Ok(worker),
            _ => Err(failed(": it exited immediately")),
        }
    }
}

/// The watchdog ticks left for the current article; `None` while the worker is idle.
type TicksLeft = Option<u64>;

/// The main loop of a worker: reads requests from `input` and writes responses to `output` until
/// `input` ends. `set_memory_limit` is called with the limit of each request in bytes. `exit` is
/// called if an article exceeds its time limit or the parent process is gone.
///
/// # Errors
/// If a line is not a valid request, the memory limit cannot be set, or `output` is closed.
pub fn worker_main(
    input: impl BufRead,
    mut output: impl Write + Send + 'static,
    set_memory_limit: impl Fn(u64) -> io::Result<()>,
    exit: fn() -> !,
) -> io::Result<()> {
    // An empty line tells the parent that the worker has started.
    output.write_all(b"\n")?;
    output.flush()?;
    let state = Arc::new(Mutex::new((TicksLeft::None, output)));
    let watchdog_state = state.clone();
    let parent_id = parent_process();
    std::thread::Builder::new()
        .name("watch".to_owned())
        .spawn(move || {
            loop {
                std::thread::sleep(WATCHDOG_INTERVAL);
                let (left, output) = &mut *lock(&watchdog_state);
                // Ticks are counted instead of wall-clock time, which also passes while the process
                // is suspended.
                *left = left.map(|left| left.saturating_sub(1));
                if *left == Some(0) {
                    // The parent may be gone.
                    let _ = write_line(output, &Response::TooSlow);
                    exit();
                }
                if parent_id != self::parent_process() {
                    exit();
                }
            }
        })?;
    for line in input.lines() {
        let request: Request = serde_json::from_str(&line?)?;
        set_memory_limit(request.limits.memory)?;
        handle_request(&request, &state)?;
    }
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes a value as one line of JSON and flushes.
fn write_line(output: &mut impl Write, what: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(what)?;
    line.push(b'\n');
    output.write_all(&line)?;
    output.flush()
}

/// Reads a file and writes its items as they come. The lock is held while writing, so no time is
/// counted while the parent is slow to read.
fn handle_request<W: Write>(request: &Request, state: &Mutex<(TicksLeft, W)>) -> io::Result<()> {
    let Request {
        path,
        name,
        format,
        limits,
    } = request;
    let source = Source {
        path: path_of(path),
        name: name.clone(),
        format: *format,
        is_format_guessed: false,
        stat: None,
    };
    let ticks = limits.seconds.saturating_mul(1000) / WATCHDOG_INTERVAL.as_millis() as u64;
    lock(state).0 = Some(ticks);
    let mut written = Ok(());
    let mut write_item = |item: Item| {
        let item = match item {
            Item::Article(article) => Response::Article(article),
            Item::Failed(error) => Response::Failure(Failure::new(&error)),
            Item::Note(note) => Response::Note(note),
        };
        let (left, output) = &mut *lock(state);
        written = write_line(output, &item);
        // Only articles reset the timer: a reader could emit errors forever.
        if matches!(item, Response::Article(_)) {
            *left = Some(ticks);
        }
        if written.is_ok() {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    };
    if let Err(error) = read_in_process(&source, limits.bytes, &mut write_item) {
        let _ = write_item(Item::Failed(error));
    }
    written?;
    let (left, output) = &mut *lock(state);
    *left = None;
    write_line(output, &Response::End)
}

/// A worker process, killed when dropped.
#[derive(Debug)]
struct Worker {
    child: Child,
    requests: ChildStdin,
    responses: BufReader<ChildStdout>,
}

impl Worker {
    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        self.responses.read_line(&mut line).ok()?;
        line.ends_with('\n').then_some(line)
    }

    /// Sends a request. Errors are ignored here: a dead worker does not respond.
    fn send(&mut self, request: &Request) {
        let _ = write_line(&mut self.requests, request);
    }

    /// Receives the next response; `None` if the worker has died.
    fn receive(&mut self) -> Option<Response> {
        serde_json::from_str(&self.line()?).ok()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The id of the parent process. It changes when the parent dies and another process adopts this
/// one.
#[cfg(unix)]
fn parent_process() -> u32 {
    std::os::unix::process::parent_id()
}

#[cfg(not(unix))]
fn parent_process() -> u32 {
    0
}

#[cfg(unix)]
fn bytes_of(path: &Path) -> Vec<u8> {
    std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str()).to_vec()
}

#[cfg(unix)]
fn path_of(bytes: &[u8]) -> PathBuf {
    let path: &std::ffi::OsStr = std::os::unix::ffi::OsStrExt::from_bytes(bytes);
    path.into()
}

#[cfg(not(unix))]
fn bytes_of(path: &Path) -> Vec<u8> {
    path.to_string_lossy().into_owned().into_bytes()
}

#[cfg(not(unix))]
fn path_of(bytes: &[u8]) -> PathBuf {
    String::from_utf8_lossy(bytes).into_owned().into()
}
