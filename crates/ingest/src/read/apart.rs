//! Reading in another process: the parsers of PDF and HTML are other people's, and a hostile file makes them go on
//! for ever, or need more memory or stack than there is. No process survives that by itself; another one can look on.
//!
//! The other process is this very program, told so by an argument ([`with`]): it [`serve`]s. One that has died is
//! replaced. Without [`with`] files are read here.

use super::{Emit, Failure, Limits, here};
use crate::article::Article;
use crate::walk::Source;
use crate::{Error, Format, Result};
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

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
    matches!(format, Format::Pdf | Format::Html) && PROGRAM.get().is_some()
}

/// What is asked of the other process, on one line.
#[derive(Serialize, Deserialize)]
struct Request {
    path: Vec<u8>,
    name: String,
    format: Format,
    limits: Limits,
}

/// An article, or what is wrong with the file.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Said {
    Article(Box<Article>),
    Failure(Failure),
}

/// Reads a file in the other process, as [`super::read`] does in this one.
pub fn read(source: &Source, limits: Limits, emit: &mut Emit<'_>) -> Result<()> {
    let request = Request { path: bytes_of(&source.path), name: source.name.clone(), format: source.format, limits };
    let Some(answer) = ask(&request).map_err(Error::io(&source.path))? else {
        let problem = "its reader did not live: it needs more than 2 GB of memory, or is nested too deeply";
        return Err(Error::malformed(&source.path, None, problem));
    };
    let said: Vec<Said> = serde_json::from_str(&answer)
        .map_err(|error| Error::malformed(&source.path, None, format!("its reader said what is no answer: {error}")))?;
    for said in said {
        let item = match said {
            Said::Article(article) => Ok(*article),
            Said::Failure(failure) => Err(failure.of(&source.path)),
        };
        if emit(item).is_break() {
            break;
        }
    }
    Ok(())
}

/// Reads the files that `input` asks for, and writes what is in them to `output`, until there is nothing more to
/// read. Where one takes too long that is said, and `give_up` is called, which must not come back.
///
/// # Errors
/// When a line is no question, or `output` is closed.
pub fn serve(input: impl BufRead, output: impl Write + Send + 'static, give_up: fn()) -> io::Result<()> {
    // When the file under way has had its time; `None` where none is.
    let watched = Arc::new(Mutex::new((None::<Instant>, output)));
    let watching = watched.clone();
    std::thread::Builder::new().name("watch".to_owned()).spawn(move || {
        loop {
            std::thread::sleep(LOOK);
            let mut watched = lock(&watching);
            if watched.0.is_some_and(|end| Instant::now() >= end) {
                let problem = "reading it takes longer than --max-article-seconds".to_owned();
                // Whoever asked may be gone.
                let _ = say(&mut watched.1, &[Said::Failure(Failure { line: None, problem })]);
                give_up();
            }
        }
    })?;
    for line in input.lines() {
        let request: Request = serde_json::from_str(&line?)?;
        lock(&watched).0 = Some(Instant::now() + Duration::from_secs(request.limits.seconds));
        let said = answer(request);
        let mut watched = lock(&watched);
        watched.0 = None;
        say(&mut watched.1, &said)?;
    }
    Ok(())
}

/// How often the time is looked at.
const LOOK: Duration = Duration::from_millis(50);

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

fn say(output: &mut impl Write, said: &[Said]) -> io::Result<()> {
    serde_json::to_writer(&mut *output, said)?;
    output.write_all(b"\n")?;
    output.flush()
}

fn answer(request: Request) -> Vec<Said> {
    let Request { path, name, format, limits } = request;
    let source = Source { path: path_of(path), name, format, bytes: 0 };
    let mut said = Vec::new();
    let read = here(&source, limits.bytes, &mut |item| {
        said.push(match item {
            Ok(article) => Said::Article(Box::new(article)),
            Err(error) => Said::Failure(Failure::new(&error)),
        });
        ControlFlow::Continue(())
    });
    said.extend(read.err().map(|error| Said::Failure(Failure::new(&error))));
    said
}

struct Helper {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Helper {
    fn start() -> io::Result<Self> {
        let missing = || io::Error::other("no program reads files apart");
        let (program, argument) = PROGRAM.get().ok_or_else(missing)?;
        let mut command = Command::new(program);
        command.arg(argument).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn()?;
        let (Some(questions), Some(answers)) = (child.stdin.take(), child.stdout.take()) else { return Err(missing()) };
        Ok(Self { child, questions, answers: BufReader::new(answers) })
    }

    /// Its answer; `None` if it died over it.
    fn ask(&mut self, request: &Request) -> Option<String> {
        let mut line = serde_json::to_vec(request).ok()?;
        line.push(b'\n');
        let mut answer = String::new();
        self.questions.write_all(&line).ok()?;
        self.answers.read_line(&mut answer).ok()?;
        answer.ends_with('\n').then_some(answer)
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The answer of a process that waits, or of a new one; `None` if that died over it.
fn ask(request: &Request) -> io::Result<Option<String>> {
    let idle = lock(&IDLE).take();
    // One that waits may have died since, over the file before or by somebody's hand.
    let answered = idle.and_then(|mut helper| Some((helper.ask(request)?, helper)));
    let answered = match answered {
        Some(answered) => Some(answered),
        None => {
            let mut helper = Helper::start()?;
            helper.ask(request).map(|answer| (answer, helper))
        }
    };
    Ok(answered.map(|(answer, helper)| {
        *lock(&IDLE) = Some(helper);
        answer
    }))
}

#[cfg(unix)]
fn bytes_of(path: &Path) -> Vec<u8> {
    std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str()).to_vec()
}

#[cfg(unix)]
fn path_of(bytes: Vec<u8>) -> PathBuf {
    let path: OsString = std::os::unix::ffi::OsStringExt::from_vec(bytes);
    path.into()
}

#[cfg(not(unix))]
fn bytes_of(path: &Path) -> Vec<u8> {
    path.to_string_lossy().into_owned().into_bytes()
}

#[cfg(not(unix))]
fn path_of(bytes: Vec<u8>) -> PathBuf {
    String::from_utf8_lossy(&bytes).into_owned().into()
}
