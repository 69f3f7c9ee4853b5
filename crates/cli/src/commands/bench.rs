//! `nigh bench`

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

pub fn run(args: &Bench, config: &Config, output: &mut Output, begun: Instant) -> anyhow::Result<Outcome> {
    match &args.what {
        BenchWhat::Embed(args) => embed(args, config, output, begun),
        BenchWhat::Recall(args) => super::recall::run(args, config, output),
        BenchWhat::Search(args) => super::latency::run(args, config, output),
    }
}

/// What `nigh bench embed` measures.
#[derive(Serialize)]
struct Measured {
    model: String,
    threads: usize,
    passages: usize,
    passages_per_second: f64,
    pieces_per_second: f64,
    /// The mean, special ones included.
    pieces_per_passage: f64,
    /// The middle one of many, one thread.
    query_ms: f64,
    /// From the start of the process to the first vector.
    first_vector_ms: f64,
    /// `null` where the system does not say.
    peak_memory_bytes: Option<u64>,
}

/// The word pieces of a default passage, special ones included.
const PIECES: usize = 128;
/// At least this many passages are embedded, so that the rate is steady.
const PASSAGES: usize = 400;
const QUESTIONS: usize = 101;

fn embed(args: &BenchEmbed, config: &Config, output: &mut Output, begun: Instant) -> anyhow::Result<Outcome> {
    let name = args.model.as_deref().or(config.model.as_deref()).unwrap_or(embed::builtin::ALIAS);
    let threads = config.threads(args.threads);
    let mut embedder = embed::load(name)?;
    embedder.embed("how near is near", Role::Query)?;
    let first_vector_ms = begun.elapsed().as_secs_f64() * 1e3;
    let query_ms = middle(&mut *embedder)?;
    let texts = match &args.texts {
        Some(path) => {
            let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
            let lines: Vec<String> = text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect();
            if lines.is_empty() {
                bail!("{}: no passages in it", path.display());
            }
            lines
        }
        None => passages_of(&*embedder, PIECES - 2),
    };
    let (seconds, pieces) = rate(&*embedder, &texts, threads)?;
    let measured = Measured {
        model: embedder.model().name.clone(),
        threads,
        passages: texts.len(),
        passages_per_second: texts.len() as f64 / seconds,
        pieces_per_second: pieces as f64 / seconds,
        pieces_per_passage: pieces as f64 / texts.len() as f64,
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
            "{:.1}/s on {threads} threads, {:.0} word pieces each",
            measured.passages_per_second, measured.pieces_per_passage
        ),
    )?;
    row("word pieces", format!("{:.0}/s", measured.pieces_per_second))?;
    row("question", format!("{:.1} ms, the middle one of {QUESTIONS}", measured.query_ms))?;
    row("first vector", format!("{:.0} ms after the start of the process", measured.first_vector_ms))?;
    row(
        "memory",
        measured
            .peak_memory_bytes
            .map_or("unknown on this system".to_owned(), |bytes| format!("{} at most", HumanBytes(bytes))),
    )?;
    Ok(Outcome::Done)
}

fn middle(embedder: &mut dyn Embedder) -> anyhow::Result<f64> {
    let questions = sample::paraphrases()?;
    let mut times = Vec::with_capacity(QUESTIONS);
    for question in questions.iter().cycle().take(QUESTIONS) {
        let begun = Instant::now();
        embedder.embed(&question.text, Role::Query)?;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[QUESTIONS / 2])
}

/// Seconds to embed all texts on `threads` threads, and their word pieces. Every thread warms up
/// on one of them first.
fn rate(embedder: &dyn Embedder, texts: &[String], threads: usize) -> anyhow::Result<(f64, usize)> {
    let mut workers = (0..threads).map(|_| embedder.fork()).collect::<Result<Vec<_>, _>>()?;
    for worker in &mut workers {
        worker.embed(&texts[0], Role::Passage)?;
    }
    let (next, pieces) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let handles: Vec<_> = workers
            .into_iter()
            .map(|mut worker| {
                let (next, pieces) = (&next, &pieces);
                scope.spawn(move || -> anyhow::Result<()> {
                    while let Some(text) = texts.get(next.fetch_add(1, Ordering::Relaxed)) {
                        pieces.fetch_add(worker.embed(text, Role::Passage)?.pieces, Ordering::Relaxed);
                    }
                    Ok(())
                })
            })
            .collect();
        handles
            .into_iter()
            .try_for_each(|handle| handle.join().unwrap_or_else(|_| bail!("an embedding thread panicked")))
    })?;
    Ok((begun.elapsed().as_secs_f64(), pieces.into_inner()))
}

/// The built-in articles, again and again, in passages of just `pieces` word pieces.
fn passages_of(embedder: &dyn Embedder, pieces: usize) -> Vec<String> {
    let lines = sample::texts();
    let mut words = lines.iter().flat_map(|line| line.split_whitespace()).cycle();
    let mut passages = Vec::with_capacity(PASSAGES);
    while passages.len() < PASSAGES {
        let (mut passage, mut used) = (String::new(), 0);
        while used < pieces {
            let Some(word) = words.next() else { return passages };
            let more = embedder.pieces().count(word);
            if used + more <= pieces {
                passage.push_str(word);
                passage.push(' ');
                used += more;
            }
        }
        passages.push(passage);
    }
    passages
}

/// The most memory this process has had resident, as Linux tells it.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}
