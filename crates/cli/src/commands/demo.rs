//! `nigh demo`: the whole of it in a few seconds, on articles compiled in.

use crate::Outcome;
use crate::args;
use crate::config::cores;
use crate::output::{Output, style, styled, width};
use crate::progress::Bars;
use crate::sample;
use crate::text::{keywords, wrapped};
use anyhow::Context;
use engine::articles::{self, Job};
use engine::judge::{self, Articles, Notes};
use engine::text::counted;
use engine::{Names, Questions};
use eval::{Judged, Query};
use ingest::embed;
use ingest::pipeline::Plan;
use ingest::{Chunking, Embedder};
use query::{By, Mode, Options, Searcher};
use serde::Serialize;
use std::time::Instant;
use store::{Collection, Language};

/// The article that the project began with.
const PROVIDED: &str = "data/provided-article.txt";
/// Paraphrases asked aloud, by where they stand among all.
const ASKED: [usize; 5] = [0, 24, 100, 200, 300];
/// How far down an answer still counts for the reciprocal rank.
const DEPTH: usize = 10;

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
    let embedder = embed::load(embed::builtin::ALIAS)?;
    let plan = Plan::new(Chunking::default(), threads);
    let (model, language) = (embedder.model().clone(), Language::English);
    let mut collection = store::create(&location, model, plan.chunking, index::Params::default(), language)?;
    let (roots, names) = ([root.join("data")], Names::new(&location));
    let job = Job { roots: &roots, format: None, plan, names: &names, builder: None, delete_vanished: false };
    let report =
        articles::index(&mut *collection, embedder.fork()?, &job, &articles::Survey::new(&job), &Bars::default())?;
    let wordings = sample::paraphrases()?;
    let (queries, judged) = judged(&*collection, &wordings)?;
    let answers = answers(&*collection, embedder.fork()?, &wordings, &judged)?;
    let verdicts = verdicts(&*collection, &*embedder, &queries, &judged, threads)?;
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
    wordings: &[Query],
    judged: &Judged,
) -> anyhow::Result<Vec<Answer>> {
    let mut searcher = Searcher::new(collection, Some(embedder))?;
    let mut answers = Vec::new();
    for asked in ASKED.iter().filter_map(|at| wordings.get(*at)) {
        let response = searcher.search(&asked.text, &Options { k: 1, ..Options::default() })?;
        let Some(hit) = response.hits.into_iter().next() else { continue };
        let right = judged.topics.get(&asked.id).is_some_and(|topic| topic.met_by(&hit.passage_id).next().is_some());
        answers.push(Answer {
            question: asked.text.clone(),
            rewords: asked.question.clone().unwrap_or_default(),
            article: hit.article_id,
            line: hit.line,
            score: hit.score,
            text: hit.text,
            right,
        });
    }
    Ok(answers)
}

/// Every question that the articles ask themselves, and its other wordings, with the answers' places.
fn judged(collection: &dyn Collection, wordings: &[Query]) -> anyhow::Result<(Vec<Query>, Judged)> {
    let own = judge::own_questions(collection)?;
    let mut wordings = wordings.to_vec();
    judge::attach(&mut wordings, &own, &mut Notes::default());
    let (mut queries, judgements): (Vec<Query>, Vec<_>) = own.into_iter().unzip();
    queries.extend(wordings);
    let mut judged = Judged::new(&judgements, Some(&Articles(collection)), None)?;
    judged.share(&queries);
    Ok((queries, judged))
}

/// Asks everything in every mode, on several threads.
fn verdicts(
    collection: &dyn Collection,
    embedder: &dyn Embedder,
    queries: &[Query],
    judged: &Judged,
    threads: usize,
) -> anyhow::Result<Vec<Verdict>> {
    const MODES: [Mode; 3] = [Mode::Hybrid, Mode::Dense, Mode::Lexical];
    let texts: Vec<&str> = queries.iter().map(|query| query.text.as_str()).collect();
    let ways = MODES.map(|mode| Options { k: DEPTH, mode, by: By::Passage, ..Options::default() });
    let mut found = Vec::with_capacity(texts.len());
    let watch = Bars::default();
    let questions = Questions::embed(&texts, Some(embedder), threads, &watch)?;
    questions.search(collection, threads, &ways, None, &watch, |_, rankings| {
        found.push(rankings);
        Ok(())
    })?;
    let mut verdicts = Vec::new();
    for (articles, provided) in [("provided article", true), ("sample articles", false)] {
        for (wording, paraphrase) in [("as asked", false), ("paraphrased", true)] {
            for (at, mode) in MODES.into_iter().enumerate() {
                let mut ranks = Vec::new();
                for (query, found) in queries.iter().zip(&found) {
                    let need = query.group.as_deref().unwrap_or(&query.id);
                    if need.starts_with(PROVIDED) == provided && query.question.is_some() == paraphrase {
                        let topic = judged.topics.get(&query.id);
                        ranks.extend(topic.map(|topic| {
                            topic.ranks(found[at].iter().map(|found| found.id.as_str())).into_iter().flatten().min()
                        }));
                    }
                }
                let mean = |value: &dyn Fn(usize) -> f64| {
                    ranks.iter().flatten().map(|rank| value(*rank)).sum::<f64>() / ranks.len().max(1) as f64
                };
                verdicts.push(Verdict {
                    articles,
                    wording,
                    mode,
                    questions: ranks.len(),
                    recall_at_1: mean(&|rank| f64::from(u8::from(rank == 1))),
                    mrr_at_10: mean(&|rank| 1.0 / rank as f64),
                });
            }
        }
    }
    Ok(verdicts)
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
        output.line(wrapped(&answer.text, width(), "    ", &keywords(&answer.question), None))?;
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
