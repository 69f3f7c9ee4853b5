//! `nigh read-apart`: the process in which files are read whose readers may not live.

use crate::Outcome;
use ingest::read::apart;
use std::io::{stdin, stdout};

/// How this program is started to read for another one.
pub const ARGUMENT: &str = "read-apart";

/// The most memory that reading may need, in bytes.
const MEMORY: u64 = 2 << 30;

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
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        setrlimit(Resource::As, Rlimit { current: Some(MEMORY), maximum: Some(MEMORY) })?;
    }
    // Ctrl-C is for whoever asks, and goes on with what is under way.
    ctrlc::set_handler(|| {})?;
    apart::serve(stdin().lock(), stdout(), give_up)?;
    Ok(Outcome::Done)
}

#[expect(clippy::exit, reason = "a reader that goes on for ever cannot be stopped in any other way")]
fn give_up() {
    std::process::exit(1);
}
