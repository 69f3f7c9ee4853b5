//! Reading in another process: the parsers of PDF, HTML, Parquet and office documents are other people's, and a hostile file makes them go
//! on for ever, or need more memory or stack than there is. No process survives that by itself; another one can look on.
//!
//! The other process is this very program, told so by an argument ([`with`]): it [`serve`]s. One that has died is
//! replaced. Without [`with`] files are read here.

use super::{Emit, Failure, Item, Limits, here};
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
const LOOK: Duration = Duration::from_millis(50);
/// A process that has read a file of more bytes is not kept: it may hold much memory that it will not need again.
const SMALL: u64 = 1 << 20;

static PROGRAM: OnceLock<(PathBuf, OsString)> = OnceLock::new();
/// A process that waits for a file to read.
static IDLE: Mutex<Option<Helper>> = Mutex::new(None);

/// From now on files of formats with such parsers are read by `program`, started with `argument`.
pub fn with(program: PathBuf, argument: &str) {
    // The first to say so says it for all.
    let _ = PROGRAM.set((program, argument.into()));
}

/// Whether files of a format are read apart.
pub fn is_apart(format: Format) -> bool {
    let is_heavy = match format {
        Format::Pdf | Format::Html | Format::Parquet => true,
        Format::Document(kind) => kind.is_heavy(),
        _ => false,
    };
    is_heavy && PROGRAM.get().is_some()
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
enum Answer {
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
    let mut helper = Helper::waiting().map_err(Error::io(&source.path))?;
    let wrong = |problem: String| Error::malformed(&source.path, None, problem);
    helper.ask(&request);
    loop {
        let item = match helper.answer() {
            Some(Answer::Article(article)) => Item::Article(article),
            Some(Answer::Failure(failure)) => Item::Failed(failure.of(&source.path)),
            Some(Answer::Note(note)) => Item::Note(note),
            Some(Answer::End) => break,
            Some(Answer::TooSlow) => return Err(wrong(format!("reading it takes longer than {} s", limits.seconds))),
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
    if source.bytes() <= SMALL {
        *lock(&IDLE) = Some(helper);
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
pub fn serve(
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
    let parent = parent();
    std::thread::Builder::new().name("watch".to_owned()).spawn(move || {
        loop {
            std::thread::sleep(LOOK);
            let (left, output) = &mut *lock(&watching);
            // Looks are counted, not the time of day: a process that was stopped for a while has not had that time.
            *left = left.map(|left| left.saturating_sub(1));
            if *left == Some(0) {
                // Whoever asked may be gone.
                let _ = say(output, &Answer::TooSlow);
                give_up();
            }
            if parent != self::parent() {
                give_up();
            }
        }
    })?;
    for line in input.lines() {
        let request: Request = serde_json::from_str(&line?)?;
        limit(request.limits.memory)?;
        answer(&request, &watched)?;
    }
    Ok(())
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes a line, at once.
fn say(output: &mut impl Write, what: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(what)?;
    line.push(b'\n');
    output.write_all(&line)?;
    output.flush()
}

/// Reads a file, and says what is in it as it comes. While nobody takes that, no time is counted.
fn answer<W: Write>(request: &Request, watched: &Mutex<(Left, W)>) -> io::Result<()> {
    let Request { path, name, format, limits } = request;
    let source = Source { path: path_of(path), name: name.clone(), format: *format, is_guess: false, stat: None };
    let looks = limits.seconds.saturating_mul(1000) / LOOK.as_millis() as u64;
    lock(watched).0 = Some(looks);
    let mut said = Ok(());
    let mut tell = |item: Item| {
        let item = match item {
            Item::Article(article) => Answer::Article(article),
            Item::Failed(error) => Answer::Failure(Failure::new(&error)),
            Item::Note(note) => Answer::Note(note),
        };
        let (left, output) = &mut *lock(watched);
        said = say(output, &item);
        // What is wrong could go on for ever.
        if matches!(item, Answer::Article(_)) {
            *left = Some(looks);
        }
        if said.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    if let Err(error) = here(&source, limits.bytes, &mut tell) {
        let _ = tell(Item::Failed(error));
    }
    said?;
    let (left, output) = &mut *lock(watched);
    *left = None;
    say(output, &Answer::End)
}

/// The other process.
struct Helper {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Helper {
    /// One that waits for a file: the last one if it lives, or a new one.
    fn waiting() -> io::Result<Self> {
        let idle = lock(&IDLE).take();
        let alive = idle.and_then(|mut helper| matches!(helper.child.try_wait(), Ok(None)).then_some(helper));
        alive.map_or_else(Self::start, Ok)
    }

    fn start() -> io::Result<Self> {
        let failed =
            |what: &str| io::Error::other(format!("the process that is to read it could not be started{what}"));
        let (program, argument) = PROGRAM.get().ok_or_else(|| failed(""))?;
        let mut command = Command::new(program);
        command.arg(argument).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        // Ctrl-C is for this process, which goes on with what is under way.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn()?;
        let (Some(questions), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(failed(""));
        };
        let mut helper = Self { child, questions, answers: BufReader::new(answers) };
        match helper.line().as_deref() {
            Some("\n") => Ok(helper),
            _ => Err(failed(": it ended at once")),
        }
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        self.answers.read_line(&mut line).ok()?;
        line.ends_with('\n').then_some(line)
    }

    /// Gives it a file to read. One that is dead does not answer.
    fn ask(&mut self, request: &Request) {
        let _ = say(&mut self.questions, request);
    }

    /// What it says next; `None` if it died over it.
    fn answer(&mut self) -> Option<Answer> {
        serde_json::from_str(&self.line()?).ok()
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Who started this process, or has adopted it since.
#[cfg(unix)]
fn parent() -> u32 {
    std::os::unix::process::parent_id()
}

#[cfg(not(unix))]
fn parent() -> u32 {
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
