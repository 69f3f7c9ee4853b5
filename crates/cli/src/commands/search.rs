//! `nigh search`

use crate::Outcome;
use crate::args;
use crate::config::Config;
use crate::output::{self, Output, style, styled};
use crate::text::{keywords, wrap};
use anyhow::Context;
use engine::text::truncate;
use engine::{PathNamer, embedder_for};
use ingest::ByteSpan;
use query::explain::Explanation;
use query::{Hit, Mode, Options, Response, Searcher};
use std::collections::HashSet;
use std::io::BufRead;
use std::time::Duration;

/// The default time limit of reranking.
pub const DEFAULT_RERANK_BUDGET: Duration = Duration::from_secs(2);
/// The default number of hits.
const DEFAULT_HITS: u32 = 10;

pub fn run(args: &args::Search, config: &Config, output: &mut Output) -> anyhow::Result<Outcome> {
    let location = config.collection(&args.target)?;
    let mode = args
        .search
        .mode
        .or(config.mode)
        .map_or(Mode::Hybrid, Into::into);
    let k = args.k.or(config.k).unwrap_or(DEFAULT_HITS) as usize;
    let ranking = engine::Ranking::from(&args.search.ranking);
    if args.question != "-" && args.question.trim().is_empty() {
        anyhow::bail!(query::Error::EmptyQuery);
    }
    let collection = store::open(&location)?;
    let embedder = embedder_for(&*collection, mode)?;
    let options = Options {
        collapse: !args.copies,
        diverse: args.diverse,
        around: args.around as usize,
        explain: args.explain,
        ..ranking.options(&*collection, mode, k, args.by.into(), DEFAULT_RERANK_BUDGET)
    };
    let factory = ranking.reranker(&*collection, mode, embedder.as_deref())?;
    let reranker = factory
        .map(|factory| factory.with_threads(config.threads(None)))
        .transpose()?;
    let mut searcher = Searcher::new(&*collection, embedder)?.with_reranker(reranker);
    let names = PathNamer::of(&*collection, &location);
    let mut search = |question: &str| -> anyhow::Result<Response> {
        let mut response = searcher.search(question, &options)?;
        for hit in &mut response.hits {
            hit.path = names.path(&hit.path);
            hit.copies
                .iter_mut()
                .for_each(|copy| copy.path = names.path(&copy.path));
        }
        response.notes.iter().for_each(output::note);
        Ok(response)
    };
    if args.question != "-" {
        let response = search(&args.question)?;
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
        let response = search(question.trim())?;
        if output.is_json() {
            responses.push(response);
        } else {
            output.line(styled(
                style::STRONG,
                format_args!("? {}", truncate(&question, output::width())),
            ))?;
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
        n => format!("best {n}"),
    };
    let rerank = response.rerank.as_ref().map_or_else(String::new, |rerank| {
        format!(
            ", {} reranked by {} in {:.0} ms",
            rerank.scored, rerank.model, rerank.took_ms
        )
    });
    output.line(styled(
        style::FAINT,
        format_args!(
            "{found}, {}{rerank}, {:.0} ms",
            response.mode.name(),
            response.took_ms
        ),
    ))?;
    Ok(())
}

const INDENT: &str = "    ";

fn print_hit(output: &mut Output, hit: &Hit, keywords: &HashSet<String>) -> anyhow::Result<()> {
    let width = output::width();
    let location = format!("{}:{}", hit.path, hit.line);
    let title_width = width.saturating_sub(location.chars().count() + 16).max(20);
    output.line(format_args!(
        "{:>2}  {}  {}  {}",
        hit.rank,
        styled(style::GOOD, format_args!("{:.3}", hit.score)),
        styled(style::LOCATION, location),
        styled(style::STRONG, truncate(&hit.title, title_width)),
    ))?;
    let (text, start) = match &hit.around {
        Some(around) => (&around.text, around.span.start),
        None => (&hit.text, hit.span.start),
    };
    let sentence = hit
        .explanation
        .as_ref()
        .and_then(|explanation| explanation.sentence.as_ref());
    let best = sentence
        .map(|sentence| ByteSpan::new(sentence.span.start - start, sentence.span.end - start));
    output.line(wrap(text, width, INDENT, keywords, best))?;
    for copy in &hit.copies {
        output.line(styled(
            style::FAINT,
            format_args!("{INDENT}also in {}:{}", copy.path, copy.line),
        ))?;
    }
    if let Some(explanation) = &hit.explanation {
        print_explanation(output, hit, explanation)?;
    }
    output.line("")?;
    Ok(())
}

fn print_explanation(
    output: &mut Output,
    hit: &Hit,
    explanation: &Explanation,
) -> anyhow::Result<()> {
    let mut faint =
        |text: String| output.line(styled(style::FAINT, format_args!("{INDENT}{text}")));
    let raw = |score: Option<f32>| {
        score.map_or_else(
            || "not among the candidates".to_owned(),
            |s| format!("{s:.3}"),
        )
    };
    if let Some(fusion) = explanation.fusion {
        faint(format!(
            "dense   {:+.3}: cosine {}, weight {:.2}",
            explanation.shares.dense.unwrap_or_default(),
            raw(hit.scores.dense),
            fusion.dense
        ))?;
        faint(format!(
            "lexical {:+.3}: BM25 {}, weight {:.2}",
            explanation.shares.lexical.unwrap_or_default(),
            raw(hit.scores.lexical),
            1.0 - fusion.dense
        ))?;
    }
    if !explanation.words.is_empty() {
        let words = explanation.words.iter().map(|word| {
            let found_as = if word.found_as == word.word {
                String::new()
            } else {
                format!(" as {}", word.found_as)
            };
            let place = if word.place == "text" {
                String::new()
            } else {
                format!(" ({})", word.place)
            };
            format!("{}{found_as}{place} {:.2}", word.word, word.score)
        });
        let words = words.collect::<Vec<_>>().join(", ");
        for line in textwrap::wrap(
            &format!("BM25: {words}"),
            output::width().saturating_sub(INDENT.len()),
        ) {
            faint(line.into_owned())?;
        }
    }
    if let Some(score) = hit.scores.rerank {
        faint(format!("reranked: {score:.3}"))?;
    }
    if let Some(sentence) = &explanation.sentence {
        faint(format!("best sentence: {:.3}", sentence.score))?;
    }
    if let Some(above) = explanation.above_cut {
        faint(format!("{above:.3} above the first passage not shown"))?;
    }
    Ok(())
}
