//! The `nigh` command line: parses arguments, calls the other crates, and prints results.
//!
//! Results go to standard output; progress, notes and errors go to standard error. Exit codes: 0
//! success; 1 partial success; 2 error. This crate holds no search or storage logic.

mod advice;
mod args;
mod commands;
mod config;
mod milvus;
mod output;
mod output_file;
mod progress;
mod sample;
mod text;

pub use commands::read_worker::ReaderCommand;

use args::{Args, Command};
use output::Output;
use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Instant;

/// How a command ended without an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// Everything was done.
    Done,
    /// Some of it could not be done, and a message said what.
    Partial,
}

/// Whether the command failed after some of its work had been committed.
fn is_partially_done(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(engine::Error::PartiallyDone(_)))
}

/// Whether the error is a damaged collection.
fn is_damage(error: &anyhow::Error) -> bool {
    advice::store_error(error).is_some_and(store::Error::is_damage)
}

/// Runs the program.
pub fn main() -> ExitCode {
    ExitCode::from(run_program(std::env::args_os().collect(), None))
}

/// Runs the program with `words`, the first of which is its name, and returns its exit code.
/// `reader` starts the process that reads files whose parsers may crash; `None` for this program
/// itself.
pub fn run_program(words: Vec<OsString>, reader: Option<ReaderCommand>) -> u8 {
    let started = Instant::now();
    if let Some(reader) = reader {
        commands::read_worker::set_command(reader);
    }
    let args = match Args::from_words(&words) {
        Ok(args) => args,
        Err(error) => return exit_with_usage(&error, &words),
    };
    let mut output = Output::new(args.json);
    // The hint to repair is of no use if the repair itself failed.
    let repairs = matches!(&args.command, Command::Check(check) if check.repair);
    let result = run(args, &mut output, started)
        .and_then(|outcome| output.flush().map(|()| outcome).map_err(Into::into));
    match result {
        Ok(Outcome::Done) => 0,
        Ok(Outcome::Partial) => 1,
        Err(error) if is_closed_pipe(&error) => 0,
        Err(error) => {
            output.error(&error);
            if !repairs && is_damage(&error) {
                output::note(
                    "run nigh check --repair to rebuild what is damaged, as far as possible",
                );
            }
            if is_partially_done(&error) { 1 } else { 2 }
        }
    }
}

/// Prints help, the version or a usage error. A usage error is a JSON document, too, if the command
/// line asks for JSON.
fn exit_with_usage(error: &clap::Error, words: &[OsString]) -> u8 {
    // Nothing can be reported if this fails.
    let _ = error.print();
    if error.use_stderr() && words.iter().any(|word| word == "--json") {
        let message = error.to_string();
        let message = message.strip_prefix("error: ").unwrap_or(&message).trim();
        Output::new(true).error_document(message);
    }
    u8::try_from(error.exit_code()).unwrap_or(2)
}

fn run(args: Args, output: &mut Output, started: Instant) -> anyhow::Result<Outcome> {
    // Not read for every command: a sandboxed worker must not fail because of an invalid nigh.toml.
    let config = || {
        cpu::ceiling()?;
        config::Config::find()
    };
    match args.command {
        Command::Demo(args) => commands::demo::run(&args, output),
        Command::Index(args) => commands::index::run(&args, &config()?, output),
        Command::Search(args) => commands::search::run(&args, &config()?, output),
        Command::Run(args) => commands::run::run(&args, &config()?, output),
        Command::Eval(args) => commands::eval::run(&args, &config()?, output),
        Command::Tune(args) => commands::tune::run(&args, &config()?, output),
        Command::Serve(args) => commands::serve::serve(&args, &config()?, output),
        Command::Mcp(args) => commands::serve::mcp(&args, &config()?),
        Command::Key(args) => commands::serve::key(&args, output),
        Command::Stats(args) => commands::maintenance::stats(&args, &config()?, output),
        Command::Check(args) => commands::maintenance::check(&args, &config()?, output),
        Command::Delete(args) => commands::maintenance::delete(&args, &config()?, output),
        Command::Compact(args) => commands::maintenance::compact(&args, &config()?, output),
        Command::Export(args) => commands::exchange::export(&args, &config()?, output),
        Command::Import(args) => commands::exchange::import(&args, &config()?, output),
        Command::Embed(args) => commands::embed::run(&args, &config()?, output),
        Command::ReadWorker => commands::read_worker::run(),
        Command::Models(args) => commands::models::run(&args, output),
        Command::Bench(args) => commands::bench::run(&args, &config()?, output, started),
        Command::Completions(args) => commands::info::completions(&args, output),
        Command::Man(args) => commands::info::man(&args, output),
    }
}

/// Whether the reader of standard output has closed it, as `head` does. That is not an error.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|io| io.kind() == std::io::ErrorKind::BrokenPipe)
}
