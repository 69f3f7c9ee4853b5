//! `nigh models`, `completions`, `man`

use crate::Outcome;
use crate::args::{Args, Completions, Man};
use crate::output::{Output, style, styled};
use clap::CommandFactory;

pub fn models(output: &mut Output) -> anyhow::Result<Outcome> {
    let (models, rerankers) = (ingest::embed::catalog(), ingest::embed::reranker_catalog());
    if output.is_json() {
        output.json(&[models, rerankers].concat())?;
        return Ok(Outcome::Done);
    }
    let longest = models
        .iter()
        .map(|model| model.name.len())
        .max()
        .unwrap_or_default();
    for model in &models {
        let name = format!("{:<longest$}", model.name);
        let name = if model.builtin {
            styled(style::GOOD, name)
        } else {
            name
        };
        output.line(format_args!(
            "{name}  {:>4}  {}",
            model.dimensions, model.source
        ))?;
    }
    output.line("")?;
    output
        .line("The first two are compiled in (`builtin` and `static` for short). The others are downloaded on first")?;
    output.line("use and need ONNX Runtime. Instead of a name, you can give a folder with an ONNX or static model.")?;
    output.line("")?;
    output.line("Models for --rerank, besides maxsim and builtin, which are compiled in:")?;
    for reranker in &rerankers {
        output.line(format_args!(
            "{:<longest$}        {}",
            reranker.name, reranker.source
        ))?;
    }
    Ok(Outcome::Done)
}

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
