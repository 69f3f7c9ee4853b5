//! `nigh completions`, `man`

use crate::Outcome;
use crate::args::{Args, Completions, Man};
use crate::output::Output;
use clap::CommandFactory;

pub fn completions(args: &Completions, output: &mut Output) -> anyhow::Result<Outcome> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "nigh", &mut script);
    print_document(script, output)
}

/// Prints a document as it is or, with --json, as a JSON string.
fn print_document(bytes: Vec<u8>, output: &mut Output) -> anyhow::Result<Outcome> {
    if output.is_json() {
        output.json(&String::from_utf8(bytes)?)?;
    } else {
        output.bytes(&bytes)?;
    }
    Ok(Outcome::Done)
}

pub fn man(args: &Man, output: &mut Output) -> anyhow::Result<Outcome> {
    let mut program = Args::command();
    program.build();
    let command = match &args.of {
        None => program,
        Some(name) => match program.find_subcommand(name) {
            Some(command) => command.clone(),
            None => anyhow::bail!("no command is called {name:?}; nigh --help lists them"),
        },
    };
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page)?;
    print_document(page, output)
}
