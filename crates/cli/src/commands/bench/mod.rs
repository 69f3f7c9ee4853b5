//! `nigh bench`, and the benchmark of embedding.

mod recall;
mod search;

use crate::Outcome;
use crate::args::{Bench, BenchEmbed, BenchWhat};
use crate::config::Config;
use crate::output::Output;
use crate::sample;
use anyhow::{Context, bail};
use indicatif::HumanBytes;
use ingest::embed;
use ingest::{Embedder, Role};
use serde::Serialize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

pub fn run(
    args: &Bench,
    config: &Config,
    output: &mut Output,
    started: Instant,
) -> anyhow::Result<Outcome> {
    match &args.what {
        BenchWhat::Embed(args) => embed(args, config, output, started),
        BenchWhat::Recall(args) => recall::run(args, config, output),
        BenchWhat::Search(args) => search::run(args, config, output),
    }
}

/// The result of `nigh bench embed`.
#[derive(Serialize)]
struct EmbedMeasurement {
    model: String,
    threads: usize,
    passages: usize,
    passages_per_second: f64,
    #[serde(rename = "pieces_per_second")]
    tokens_per_second: f64,
    /// The mean number of tokens, special ones included.
    #[serde(rename = "pieces_per_passage")]
    tokens_per_passage: f64,
    /// The median time to embed a query on one thread.
    query_ms: f64,
    /// The time from the start of the process to the first vector.
    first_vector_ms: f64,
    /// `null` if the system does not report it.
    peak_memory_bytes: Option<u64>,
}

/// Tokens per passage, special ones included.
const TOKENS_PER_PASSAGE: usize = 128;
/// The fewest passages to embed, for a steady rate.
const MIN_PASSAGES: usize = 400;
const TIMED_QUERIES: usize = 101;
/// How many passages are embedded with one call.
const BATCH: usize = 8;

fn embed(
    args: &BenchEmbed,
    config: &Config,
    output: &mut Output,
    started: Instant,
) -> anyhow::Result<Outcome> {
    let name = args
        .model
        .as_deref()
        .or(config.model.as_deref())
        .unwrap_or(embed::builtin::ALIAS);
    let threads = config.threads(args.threads);
    let mut embedder = embed::load(name)?;
    embedder.embed("how near is near", Role::Query)?;
    let first_vector_ms = started.elapsed().as_secs_f64() * 1e3;
    let query_ms = median_query_ms(&mut *embedder)?;
    let texts = match &args.texts {
        Some(path) => {
            let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
            let lines: Vec<String> = text
                .lines()
                .filter(|line| !line.trim().is_empty())
                .map(str::to_owned)
                .collect();
            if lines.is_empty() {
                bail!("{}: no passages in it", path.display());
            }
            lines
        }
        None => sample_passages(&*embedder, TOKENS_PER_PASSAGE - 2),
    };
    let (seconds, tokens) = time_passages(&*embedder, &texts, threads)?;
    let measured = EmbedMeasurement {
        model: embedder.model().name.clone(),
        threads,
        passages: texts.len(),
        passages_per_second: texts.len() as f64 / seconds,
        tokens_per_second: tokens as f64 / seconds,
        tokens_per_passage: tokens as f64 / texts.len() as f64,
        query_ms,
        first_vector_ms,
        peak_memory_bytes: peak_memory(),
    };
    if output.is_json() {
        output.json(&measured)?;
        return Ok(Outcome::Done);
    }
    let mut row = |name: &str, value: String| output.line(format_args!("{name:<15}{value}"));
    row("model", measured.model)?;
    row(
        "passages",
        format!(
            "{:.1}/s on {threads} threads, {:.0} tokens each",
            measured.passages_per_second, measured.tokens_per_passage
        ),
    )?;
    row("tokens", format!("{:.0}/s", measured.tokens_per_second))?;
    row(
        "question",
        format!("{:.1} ms, median of {TIMED_QUERIES}", measured.query_ms),
    )?;
    row(
        "first vector",
        format!(
            "{:.0} ms after the start of the process",
            measured.first_vector_ms
        ),
    )?;
    row(
        "memory",
        measured
            .peak_memory_bytes
            .map_or("not available on this system".to_owned(), |bytes| {
                format!("{} peak", HumanBytes(bytes))
            }),
    )?;
    Ok(Outcome::Done)
}

fn median_query_ms(embedder: &mut dyn Embedder) -> anyhow::Result<f64> {
    let questions = sample::paraphrases()?;
    let mut times = Vec::with_capacity(TIMED_QUERIES);
    for question in questions.iter().cycle().take(TIMED_QUERIES) {
        let started = Instant::now();
        embedder.embed(&question.text, Role::Query)?;
        times.push(started.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[TIMED_QUERIES / 2])
}

/// Embeds all texts on `threads` threads, each warmed up first. Returns the seconds taken and the
/// number of tokens.
fn time_passages(
    embedder: &dyn Embedder,
    texts: &[String],
    threads: usize,
) -> anyhow::Result<(f64, usize)> {
    let mut workers = (0..threads)
        .map(|_| embedder.fork())
        .collect::<Result<Vec<_>, _>>()?;
    for worker in &mut workers {
        worker.embed(&texts[0], Role::Passage)?;
    }
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let batches: Vec<&[&str]> = texts.chunks(BATCH).collect();
    let (next, tokens) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let started = Instant::now();
    std::thread::scope(|scope| {
        let handles: Vec<_> = workers
            .into_iter()
            .map(|mut worker| {
                let (batches, next, tokens) = (&batches, &next, &tokens);
                scope.spawn(move || -> anyhow::Result<()> {
                    while let Some(batch) = batches.get(next.fetch_add(1, Ordering::Relaxed)) {
                        for embedding in worker.embed_all(batch, Role::Passage)? {
                            tokens.fetch_add(embedding.tokens, Ordering::Relaxed);
                        }
                    }
                    Ok(())
                })
            })
            .collect();
        handles.into_iter().try_for_each(|handle| {
            handle
                .join()
                .unwrap_or_else(|_| bail!("an embedding thread panicked"))
        })
    })?;
    Ok((started.elapsed().as_secs_f64(), tokens.into_inner()))
}

/// Passages of exactly `tokens` tokens, from the built-in articles, repeated as needed.
fn sample_passages(embedder: &dyn Embedder, tokens: usize) -> Vec<String> {
    let lines = sample::texts();
    let mut words = lines
        .iter()
        .flat_map(|line| line.split_whitespace())
        .cycle();
    let mut passages = Vec::with_capacity(MIN_PASSAGES);
    while passages.len() < MIN_PASSAGES {
        let (mut passage, mut used) = (String::new(), 0);
        while used < tokens {
            let Some(word) = words.next() else {
                return passages;
            };
            let more = embedder.tokenizer().count(word);
            if used + more <= tokens {
                passage.push_str(word);
                passage.push(' ');
                used += more;
            }
        }
        passages.push(passage);
    }
    passages
}

/// The peak resident memory of this process, in bytes. Linux only.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim()
        .strip_suffix("kB")?
        .trim()
        .parse::<u64>()
        .ok()
        .map(|kilobytes| kilobytes * 1024)
}
