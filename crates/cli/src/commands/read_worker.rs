//! `nigh read-apart`: the sandboxed worker process that reads files with third-party parsers.

use crate::Outcome;
use ingest::read::sandbox::{self, Sandbox};
use std::ffi::OsString;
use std::io::{self, stdin, stdout};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// The hidden command that starts a worker.
const COMMAND: &str = "read-apart";

/// The memory that a worker needs besides the file, in bytes. Most of it is stack that is hardly
/// used.
#[cfg(target_os = "linux")]
const OVERHEAD: u64 = 128 << 20;

/// How a program that contains this one starts it anew, as a worker.
#[derive(Debug, Clone)]
pub struct ReaderCommand {
    /// The program.
    pub program: PathBuf,
    /// Its arguments, which make it run this program.
    pub arguments: Vec<OsString>,
}

/// Set if this program is contained in another one.
static CONTAINER: OnceLock<ReaderCommand> = OnceLock::new();

/// Sets how workers are started. Only the first call counts.
pub fn set_command(command: ReaderCommand) {
    // A second one would be of the same program.
    let _ = CONTAINER.set(command);
}

/// Workers of this program.
pub fn sandbox() -> Option<Arc<Sandbox>> {
    if let Some(ReaderCommand { program, arguments }) = CONTAINER.get() {
        let arguments = arguments.iter().cloned().chain([COMMAND.into()]);
        return Some(Arc::new(Sandbox::new(program.clone(), arguments)));
    }
    // The running program, even if another version has been installed at its path meanwhile.
    let running = Path::new("/proc/self/exe");
    let program = if running.exists() {
        Ok(running.to_owned())
    } else {
        std::env::current_exe()
    };
    Some(Arc::new(Sandbox::new(program.ok()?, [COMMAND.into()])))
}

pub fn run() -> anyhow::Result<Outcome> {
    sandbox::worker_main(stdin().lock(), stdout(), limit_memory, exit)?;
    Ok(Outcome::Done)
}

/// Limits the memory of this process to `memory` bytes and [`OVERHEAD`].
#[cfg(target_os = "linux")]
fn limit_memory(memory: u64) -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Data);
    let memory = memory.saturating_add(OVERHEAD);
    let current = Some(maximum.map_or(memory, |maximum| memory.min(maximum)));
    Ok(setrlimit(Resource::Data, Rlimit { current, maximum })?)
}

/// Other systems have no reliable memory limit.
#[cfg(not(target_os = "linux"))]
fn limit_memory(_: u64) -> io::Result<()> {
    Ok(())
}

#[expect(
    clippy::exit,
    reason = "a reader in an endless loop cannot be stopped in any other way"
)]
fn exit() -> ! {
    std::process::exit(1);
}
