//! Reading in another process: the parsers of PDF, HTML, Parquet and office documents are other people's, and a hostile file makes them go
//! on for ever, or need more memory or stack than there is. No process survives that by itself; another one can look on.
//!
//! The other process is this very program, told so by an argument ([`configure`]): it [`serve`]s. One that has died is
//! replaced. Without [`configure`] files are read here.

use super::{Emit, Failure, Item, Limits, read_in_process};
use crate::article::Article;
use crate::walk::Source;
use crate::{Error, Format, Result};
use notes::Note;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

/// How often the process that reads looks at its time, and whether somebody still waits for it.
const WATCHDOG_INTERVAL: Duration = Duration::from_millis(50);
/// A process that has read a file of more bytes is not kept: it may hold much memory that it will not need again.
const MAX_REUSE_FILE_BYTES: u64 = 1 << 20;

static WORKER_COMMAND: OnceLock<(PathBuf, OsString)> = OnceLock::new();
/// A process that waits for a file to read.
static IDLE_WORKER: Mutex<Option<Worker>> = Mutex::new(None);

/// From now on files of formats with such parsers are read by `program`, started with `argument`.
pub fn configure(program: PathBuf, argument: &str) {
    // The first to say so says it for all.
    let _ = WORKER_COMMAND.set((program, argument.into()));
}

/// Whether files of a format are read apart.
pub fn is_sandboxed(format: Format) -> bool {
    let is_heavy = match format {
        Format::Pdf | Format::Html | Format::Parquet => true,
        Format::Document(kind) => kind.needs_sandbox(),
        _ => false,
    };
    is_heavy && WORKER_COMMAND.get().is_some()
}

/// What is asked of the other process, on one line.
#[derive(Serialize, Deserialize)]
struct Request {
    path: Vec<u8>,
    name: String,
    format: Format,
    limits: Limits,
}

/// What it says, a line each.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Response {
    /// What was in the file,
    Article(Box<Article>),
    /// what was wrong with it,
    Failure(Failure),
    /// what else there is to know about it,
    Note(Note),
    /// and that this was all: it waits for the next one.
    End,
    /// The next article took too long. It says no more.
    TooSlow,
}

/// Reads a file in the other process, as [`super::read`] does in this one.
pub fn read(source: &Source, limits: Limits, emit: &mut Emit<'_>) -> Result<()> {
    let request = Request { path: bytes_of(&source.path), name: source.name.clone(), format: source.format, limits };
    let mut worker = Worker::acquire().map_err(Error::io(&source.path))?;
    let wrong = |problem: String| Error::malformed(&source.path, None, problem);
    worker.send(&request);
    loop {
        let item = match worker.receive() {
            Some(Response::Article(article)) => Item::Article(article),
            Some(Response::Failure(failure)) => Item::Failed(failure.of(&source.path)),
            Some(Response::Note(note)) => Item::Note(note),
            Some(Response::End) => break,
            Some(Response::TooSlow) => return Err(wrong(format!("reading it takes longer than {} s", limits.seconds))),
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
        *lock(&IDLE_WORKER) = Some(worker);
    }
    Ok(())
}

/// What is left of the time for the article under way, in looks; `None` where none is.
type Left = Option<u64>;

/// Reads the files that `input` asks for, and writes what is in them to `output`, until there is nothing more to
/// read. `limit` is told how many bytes of memory each may need. Where one takes too long, or nobody waits for it any more,
/// `give_up` is called.
///
/// # Errors
/// When a line is no question, or `output` is closed.
pub fn worker_main(
    input: impl BufRead,
    mut output: impl Write + Send + 'static,
    limit: impl Fn(u64) -> io::Result<()>,
    give_up: fn() -> !,
) -> io::Result<()> {
    // Whoever started it knows by this that it runs.
    output.write_all(b"\n")?;
    output.flush()?;
    let watched = Arc::new(Mutex::new((Left::None, output)));
    let watching = watched.clone();
    let parent_id = parent_process();
    std::thread::Builder::new().name("watch".to_owned()).spawn(move || {
        loop {
            std::thread::sleep(WATCHDOG_INTERVAL);
            let (left, output) = &mut *lock(&watching);
            // Looks are counted, not the time of day: a process that was stopped for a while has not had that time.
            *left = left.map(|left| left.saturating_sub(1));
            if *left == Some(0) {
                // Whoever asked may be gone.
                let _ = write_line(output, &Response::TooSlow);
                give_up();
            }
            if parent_id != self::parent_process() {
                give_up();
            }
        }
    })?;
    for line in input.lines() {
        let request: Request = serde_json::from_str(&line?)?;
        limit(request.limits.memory)?;
        handle_request(&request, &watched)?;
    }
    Ok(())
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes a line, at once.
fn write_line(output: &mut impl Write, what: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(what)?;
    line.push(b'\n');
    output.write_all(&line)?;
    output.flush()
}

/// Reads a file, and says what is in it as it comes. While nobody takes that, no time is counted.
fn handle_request<W: Write>(request: &Request, watched: &Mutex<(Left, W)>) -> io::Result<()> {
    let Request { path, name, format, limits } = request;
    let source = Source { path: path_of(path), name: name.clone(), format: *format, is_format_guessed: false, stat: None };
    let looks = limits.seconds.saturating_mul(1000) / WATCHDOG_INTERVAL.as_millis() as u64;
    lock(watched).0 = Some(looks);
    let mut said = Ok(());
    let mut tell = |item: Item| {
        let item = match item {
            Item::Article(article) => Response::Article(article),
            Item::Failed(error) => Response::Failure(Failure::new(&error)),
            Item::Note(note) => Response::Note(note),
        };
        let (left, output) = &mut *lock(watched);
        said = write_line(output, &item);
        // What is wrong could go on for ever.
        if matches!(item, Response::Article(_)) {
            *left = Some(looks);
        }
        if said.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    if let Err(error) = read_in_process(&source, limits.bytes, &mut tell) {
        let _ = tell(Item::Failed(error));
    }
    said?;
    let (left, output) = &mut *lock(watched);
    *left = None;
    write_line(output, &Response::End)
}

/// The other process.
struct Worker {
    child: Child,
    requests: ChildStdin,
    responses: BufReader<ChildStdout>,
}

impl Worker {
    /// One that waits for a file: the last one if it lives, or a new one.
    fn acquire() -> io::Result<Self> {
        let idle = lock(&IDLE_WORKER).take();
        let alive = idle.and_then(|mut worker| matches!(worker.child.try_wait(), Ok(None)).then_some(worker));
        alive.map_or_else(Self::start, Ok)
    }

    fn start() -> io::Result<Self> {
        let failed =
            |what: &str| io::Error::other(format!("the process that is to read it could not be started{what}"));
        let (program, argument) = WORKER_COMMAND.get().ok_or_else(|| failed(""))?;
        let mut command = Command::new(program);
        command.arg(argument).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        // Ctrl-C is for this process, which goes on with what is under way.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn()?;
        let (Some(requests), Some(responses)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(failed(""));
        };
        let mut worker = Self { child, requests, responses: BufReader::new(responses) };
        match worker.line().as_deref() {
            Some("\n") => Ok(worker),
            _ => Err(failed(": it ended at once")),
        }
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        self.responses.read_line(&mut line).ok()?;
        line.ends_with('\n').then_some(line)
    }

    /// Gives it a file to read. One that is dead does not answer.
    fn send(&mut self, request: &Request) {
        let _ = write_line(&mut self.requests, request);
    }

    /// What it says next; `None` if it died over it.
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

/// Who started this process, or has adopted it since.
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
