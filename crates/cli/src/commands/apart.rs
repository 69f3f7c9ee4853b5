//! `nigh read-apart`: the process in which files are read whose readers may not live.

use crate::Outcome;
use ingest::read::apart;
use std::io::{self, stdin, stdout};

/// How this program is started to read for another one.
pub const ARGUMENT: &str = "read-apart";

/// What the program itself needs beside a file, in bytes: most of it a stack that is hardly touched.
#[cfg(target_os = "linux")]
const BESIDE: u64 = 128 << 20;

/// From now on this program reads such files in a process of its own.
pub fn set_up() {
    // What is running, though another may have been installed in its place meanwhile.
    let running = std::path::Path::new("/proc/self/exe");
    let program = if running.exists() { Ok(running.to_owned()) } else { std::env::current_exe() };
    if let Ok(program) = program {
        apart::with(program, ARGUMENT);
    }
}

pub fn run() -> anyhow::Result<Outcome> {
    apart::serve(stdin().lock(), stdout(), limit, give_up)?;
    Ok(Outcome::Done)
}

/// Sees to it that this process gets no more memory than so many bytes for a file.
#[cfg(target_os = "linux")]
fn limit(memory: u64) -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Data);
    let memory = memory.saturating_add(BESIDE);
    let current = Some(maximum.map_or(memory, |maximum| memory.min(maximum)));
    Ok(setrlimit(Resource::Data, Rlimit { current, maximum })?)
}

/// Other systems have no such limit that could be relied on.
#[cfg(not(target_os = "linux"))]
fn limit(_: u64) -> io::Result<()> {
    Ok(())
}

#[expect(clippy::exit, reason = "a reader that goes on for ever cannot be stopped in any other way")]
fn give_up() -> ! {
    std::process::exit(1);
}
