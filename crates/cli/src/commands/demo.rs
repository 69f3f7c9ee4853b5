//! `nigh demo`: the whole of it in a few seconds, on articles compiled in.

use super::ask_all;
use crate::Outcome;
use crate::args;
use crate::articles::{self, Job, Names};
use crate::config::cores;
use crate::output::{Output, style, styled, width};
use crate::sample::{self, Paraphrase};
use crate::text::{counted, keywords, wrapped};
use anyhow::Context;
use ingest::embed::{self, Workload};
use ingest::pipeline::Plan;
use ingest::{ByteSpan, Chunking, Embedder};
use query::{By, Mode, Options, Searcher};
use serde::Serialize;
use std::sync::atomic::AtomicBool;
use std::time::Instant;
use store::Collection;

/// The article that the project began with.
const PROVIDED: &str = "data/provided-article.txt";
/// Paraphrases asked aloud, by where they stand among all.
const ASKED: [usize; 5] = [0, 24, 100, 200, 300];
/// How far down an answer still counts for the reciprocal rank.
const DEPTH: usize = 10;

/// A question with the place of its answer.
struct Judged {
    question: String,
    article: String,
    answer: ByteSpan,
    paraphrase: bool,
}

/// How often a mode was right.
#[derive(Debug, Clone, Serialize)]
struct Verdict {
    articles: &'static str,
    wording: &'static str,
    mode: Mode,
    questions: usize,
    /// The share of questions whose answer is the first passage.
    recall_at_1: f64,
    /// The mean of one over the rank of the answer, 0 beyond the tenth.
    mrr_at_10: f64,
}

/// A question asked aloud.
#[derive(Serialize)]
struct Answer {
    question: String,
    rewords: String,
    article: String,
    line: u64,
    score: f32,
    text: String,
    right: bool,
}

pub fn run(args: &args::Demo, output: &mut Output) -> anyhow::Result<Outcome> {
    let begun = Instant::now();
    let folder = tempfile::tempdir().context("a temporary folder")?;
    let root = folder.path().canonicalize()?;
    sample::unpack(&root.join("data"))?;
    let location = root.join(".nigh").to_string_lossy().into_owned();
    let threads = args.threads.unwrap_or_else(cores);
    let embedder = embed::load(embed::builtin::ALIAS, Workload::Passages)?;
    let plan = Plan { chunking: Chunking::default(), threads, article_limit: 1 << 20 };
    let mut collection = store::create(&location, embedder.model().clone(), plan.chunking, index::Params::default())?;
    let (roots, names) = ([root.join("data")], Names::new(&location));
    let job = Job { roots: &roots, format: None, plan, names: &names };
    let report = articles::index(
        &mut *collection,
        embedder.fork()?,
        &job,
        articles::survey(&job).unwrap_or_default(),
        &AtomicBool::new(false),
    )?;
    let paraphrases = sample::paraphrases()?;
    let questions = judged(&*collection, &paraphrases)?;
    let answers = answers(&*collection, embedder.fork()?, &paraphrases, &questions)?;
    let verdicts = verdicts(&*collection, embedder, &questions, threads)?;
    let seconds = begun.elapsed().as_secs_f64();
    if output.is_json() {
        output.json(
            &serde_json::json!({ "index": report, "answers": answers, "verdicts": verdicts, "seconds": seconds }),
        )?;
        return Ok(Outcome::Done);
    }
    output.line(format_args!(
        "Indexed {} in {} ({:.1} s, {:.0} passages/s). Their questions were left out of the index.",
        counted(report.articles, "article"),
        counted(report.passages, "passage"),
        report.seconds,
        report.passages_per_second
    ))?;
    print_answers(output, &answers)?;
    print_verdicts(output, &verdicts)?;
    output.line(format_args!(
        "All of this took {seconds:.1} s. Now your own: nigh index FOLDER, then nigh search \"…\"."
    ))?;
    Ok(Outcome::Done)
}

fn answers(
    collection: &dyn Collection,
    embedder: Box<dyn Embedder>,
    paraphrases: &[Paraphrase],
    judged: &[Judged],
) -> anyhow::Result<Vec<Answer>> {
    let mut searcher = Searcher::new(collection, Some(embedder))?;
    let mut answers = Vec::new();
    for asked in ASKED.iter().filter_map(|at| paraphrases.get(*at)) {
        let response = searcher.search(&asked.text, &Options { k: 1, ..Options::default() })?;
        let Some(hit) = response.hits.into_iter().next() else { continue };
        let right = judged.iter().any(|known| {
            known.question == asked.text && known.article == hit.article_id && known.answer.overlap(hit.span) > 0
        });
        answers.push(Answer {
            question: asked.text.clone(),
            rewords: asked.question.clone(),
            article: hit.article_id,
            line: hit.line,
            score: hit.score,
            text: hit.text,
            right,
        });
    }
    Ok(answers)
}

/// Every question that the articles ask themselves, and its paraphrases, with the answer's place.
fn judged(collection: &dyn Collection, paraphrases: &[Paraphrase]) -> anyhow::Result<Vec<Judged>> {
    let mut judged = Vec::new();
    let mut ids: Vec<String> = collection.catalogue()?.articles.into_keys().collect();
    ids.sort_unstable();
    for id in ids {
        let Some(stored) = collection.article(&id)? else { continue };
        let file = id.rsplit('/').next().unwrap_or(&id);
        for pair in stored.article.questions {
            let reworded = paraphrases.iter().filter(|p| p.article == file && p.question == pair.question);
            let wordings =
                std::iter::once((pair.question.as_str(), false)).chain(reworded.map(|p| (p.text.as_str(), true)));
            judged.extend(wordings.map(|(question, paraphrase)| Judged {
                question: question.to_owned(),
                article: id.clone(),
                answer: pair.answer,
                paraphrase,
            }));
        }
    }
    Ok(judged)
}

/// Asks everything in every mode, on several threads.
fn verdicts(
    collection: &dyn Collection,
    embedder: Box<dyn Embedder>,
    questions: &[Judged],
    threads: usize,
) -> anyhow::Result<Vec<Verdict>> {
    const MODES: [Mode; 3] = [Mode::Hybrid, Mode::Dense, Mode::Lexical];
    let ranks = ask_all(collection, Some(embedder), threads, questions, |searcher, judged| {
        ranks(searcher, collection, judged, &MODES)
    })?;
    let mut verdicts = Vec::new();
    for (articles, provided) in [("provided article", true), ("sample articles", false)] {
        for (wording, paraphrase) in [("as asked", false), ("paraphrased", true)] {
            let of = |j: &&Judged| (j.article == PROVIDED) == provided && j.paraphrase == paraphrase;
            for (at, mode) in MODES.into_iter().enumerate() {
                let found: Vec<Option<usize>> =
                    questions.iter().zip(&ranks).filter(|(j, _)| of(j)).map(|(_, ranks)| ranks[at]).collect();
                let mean = |value: &dyn Fn(usize) -> f64| {
                    found.iter().flatten().map(|rank| value(*rank)).sum::<f64>() / found.len().max(1) as f64
                };
                verdicts.push(Verdict {
                    articles,
                    wording,
                    mode,
                    questions: found.len(),
                    recall_at_1: mean(&|rank| f64::from(u8::from(rank == 1))),
                    mrr_at_10: mean(&|rank| 1.0 / rank as f64),
                });
            }
        }
    }
    Ok(verdicts)
}

/// Where each mode puts the first passage that overlaps the answer, from 1.
fn ranks(
    searcher: &mut Searcher<'_>,
    collection: &dyn Collection,
    judged: &Judged,
    modes: &[Mode; 3],
) -> anyhow::Result<[Option<usize>; 3]> {
    let vector = searcher.embed(&judged.question)?.vector;
    let mut ranks = [None; 3];
    for (rank, &mode) in ranks.iter_mut().zip(modes) {
        let options = Options { k: DEPTH, mode, exact: false, by: By::Passage };
        let names = searcher.names(&judged.question, Some(&vector), &options)?;
        let Some(stored) = collection.article(&judged.article)? else { continue };
        *rank = names.iter().position(|(name, _)| is_answer(name, judged, &stored.passages)).map(|at| at + 1);
    }
    Ok(ranks)
}

fn is_answer(passage: &str, judged: &Judged, spans: &[ByteSpan]) -> bool {
    passage
        .rsplit_once('#')
        .filter(|(article, _)| *article == judged.article)
        .and_then(|(_, ordinal)| spans.get(ordinal.parse::<usize>().ok()?))
        .is_some_and(|span| span.overlap(judged.answer) > 0)
}

fn print_answers(output: &mut Output, answers: &[Answer]) -> anyhow::Result<()> {
    for answer in answers {
        output.line("")?;
        output.line(styled(style::STRONG, format_args!("? {}", answer.question)))?;
        let mark = if answer.right { styled(style::GOOD, "right") } else { styled(style::BAD, "wrong") };
        let place = styled(style::PLACE, format_args!("{}:{}", answer.article, answer.line));
        output.line(format_args!(
            "  {:.3}  {place}  {mark}: it rewords \u{201c}{}\u{201d}",
            answer.score, answer.rewords
        ))?;
        output.line(wrapped(&answer.text, width(), "    ", &keywords(&answer.question)))?;
    }
    Ok(())
}

fn print_verdicts(output: &mut Output, verdicts: &[Verdict]) -> anyhow::Result<()> {
    output.line("")?;
    let head = format!(
        "{:<18}{:<13}{:>9}  {:<9}{:>9}{:>8}",
        "questions of the", "wording", "questions", "mode", "recall@1", "MRR@10"
    );
    output.line(styled(style::STRONG, head))?;
    for verdict in verdicts {
        output.line(format_args!(
            "{:<18}{:<13}{:>9}  {:<9}{:>9.3}{:>8.3}",
            verdict.articles,
            verdict.wording,
            verdict.questions,
            verdict.mode.name(),
            verdict.recall_at_1,
            verdict.mrr_at_10
        ))?;
    }
    output.line("")?;
    Ok(())
}
