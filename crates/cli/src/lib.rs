//! The `nigh` command line: arguments in, work by the other crates, answers and progress out.
//!
//! Answers go to standard output, everything else (progress, notes, errors) to standard error.
//! Exit codes: 0 all done; 1 less done than asked; 2 any error, bad usage included.

mod args;
mod atomic_file;
mod commands;
mod config;
mod milvus;
mod output;
mod progress;
mod sample;
mod text;

use args::{Args, Command};
use output::Output;
use std::process::ExitCode;
use std::time::Instant;

/// How a command ended that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// Everything asked was done.
    Done,
    /// Some of it was not, and what was has been said.
    Less,
}

/// Whether some of the work was done and kept before it failed.
fn is_partly(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(engine::Error::Partly(_)))
}

/// Whether a collection turned out to be damaged.
fn is_damage(error: &anyhow::Error) -> bool {
    let store = match (error.downcast_ref(), error.downcast_ref(), error.downcast_ref()) {
        (Some(error), ..) => Some(error),
        (_, Some(engine::Error::Store(error)), _) => Some(error),
        (.., Some(query::Error::Store(error))) => Some(error),
        _ => None,
    };
    store.is_some_and(store::Error::is_damage)
}

/// Runs the program.
pub fn main() -> ExitCode {
    let begun = Instant::now();
    commands::apart::set_up();
    let args = Args::of_process();
    let mut output = Output::new(args.json);
    // Where mending itself fails, it is no advice.
    let mends = matches!(&args.command, Command::Check(check) if check.repair);
    let result = run(args, &mut output, begun).and_then(|outcome| output.flush().map(|()| outcome).map_err(Into::into));
    match result {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Less) => ExitCode::from(1),
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            output.error(&error);
            if !mends && is_damage(&error) {
                output::note("nigh check --repair builds again what is damaged, as far as that can be done");
            }
            ExitCode::from(if is_partly(&error) { 1 } else { 2 })
        }
    }
}

fn run(args: Args, output: &mut Output, begun: Instant) -> anyhow::Result<Outcome> {
    // Reading for another process needs no defaults, and must not fail for wrong ones.
    let config = || {
        let config = config::Config::find()?;
        config.register()?;
        anyhow::Ok(config)
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
        Command::Stats(args) => commands::care::stats(&args, &config()?, output),
        Command::Check(args) => commands::care::check(&args, &config()?, output),
        Command::Delete(args) => commands::care::delete(&args, &config()?, output),
        Command::Compact(args) => commands::care::compact(&args, &config()?, output),
        Command::Export(args) => commands::exchange::export(&args, &config()?, output),
        Command::Import(args) => commands::exchange::import(&args, &config()?, output),
        Command::Embed(args) => commands::embed::run(&args, &config()?, output),
        Command::ReadApart => commands::apart::run(),
        Command::Models => commands::about::models(output),
        Command::Bench(args) => commands::bench::run(&args, &config()?, output, begun),
        Command::Completions(args) => commands::about::completions(&args, output),
        Command::Man(args) => commands::about::man(&args, output),
    }
}

/// Whoever read our output has stopped, as `head` does: no error.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|io| io.kind() == std::io::ErrorKind::BrokenPipe)
}
