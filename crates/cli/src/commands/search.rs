//! `nigh search`

use super::embedder_for;
use crate::Outcome;
use crate::args;
use crate::articles::Names;
use crate::config::Config;
use crate::output::{self, Output, style, styled};
use crate::text::{clipped, counted, keywords, wrapped};
use anyhow::Context;
use ingest::embed::Workload;
use query::{Hit, Mode, Options, Response, Searcher};
use std::io::BufRead;

/// Hits where nothing else is said.
const HITS: u32 = 10;

pub fn run(args: &args::Search, config: &Config, output: &mut Output) -> anyhow::Result<Outcome> {
    let location = config.collection(&args.on);
    let mode = args.how.mode.or(config.mode).map_or(Mode::Hybrid, Into::into);
    let k = args.k.or(config.k).unwrap_or(HITS) as usize;
    let options = Options { k, mode, exact: args.how.exact, by: args.by.into() };
    if args.question != "-" && args.question.trim().is_empty() {
        anyhow::bail!(query::Error::EmptyQuestion);
    }
    let collection = store::open(&location)?;
    let mut searcher = Searcher::new(&*collection, embedder_for(&*collection, mode, Workload::Questions)?)?;
    let names = Names::new(&location);
    let mut ask = |question: &str| -> anyhow::Result<Response> {
        let mut response = searcher.search(question, &options)?;
        response.hits.iter_mut().for_each(|hit| hit.path = names.path(&hit.path));
        if response.cut > 0 {
            let (cut, window) = (counted(response.cut, "word piece"), collection.manifest().model.window);
            output::note(format_args!(
                "the question is longer than the {window} word pieces that the model reads: its last {cut} did not count for meaning"
            ));
        }
        Ok(response)
    };
    if args.question != "-" {
        let response = ask(&args.question)?;
        if output.is_json() {
            output.json(&response)?;
        } else {
            print(output, &response)?;
        }
        return Ok(Outcome::Done);
    }
    let mut responses = Vec::new();
    for (number, line) in (1..).zip(std::io::stdin().lock().lines()) {
        let question = line.with_context(|| format!("standard input, line {number}"))?;
        if question.trim().is_empty() {
            continue;
        }
        let response = ask(question.trim())?;
        if output.is_json() {
            responses.push(response);
        } else {
            output.line(styled(style::STRONG, format_args!("? {}", clipped(&question, output::width()))))?;
            print(output, &response)?;
            output.flush()?;
        }
    }
    if output.is_json() {
        output.json(&responses)?;
    }
    Ok(Outcome::Done)
}

fn print(output: &mut Output, response: &Response) -> anyhow::Result<()> {
    let keywords = keywords(&response.query);
    for hit in &response.hits {
        print_hit(output, hit, &keywords)?;
    }
    let found = match response.hits.len() {
        0 => "nothing found".to_owned(),
        n => format!("{n} of the best"),
    };
    output.line(styled(style::FAINT, format_args!("{found}, {}, {:.0} ms", response.mode.name(), response.took_ms)))?;
    Ok(())
}

fn print_hit(output: &mut Output, hit: &Hit, keywords: &std::collections::HashSet<String>) -> anyhow::Result<()> {
    const INDENT: &str = "    ";
    let width = output::width();
    let place = format!("{}:{}", hit.path, hit.line);
    let room = width.saturating_sub(place.chars().count() + 16).max(20);
    output.line(format_args!(
        "{:>2}  {}  {}  {}",
        hit.rank,
        styled(style::GOOD, format_args!("{:.3}", hit.score)),
        styled(style::PLACE, place),
        styled(style::STRONG, clipped(&hit.title, room)),
    ))?;
    output.line(wrapped(&hit.text, width, INDENT, keywords))?;
    output.line("")?;
    Ok(())
}
