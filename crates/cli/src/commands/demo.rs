//! `nigh demo`: indexes the built-in articles, searches them and evaluates the results.

use super::read_worker;
use crate::Outcome;
use crate::args;
use crate::config::cores;
use crate::output::{Output, style, styled, width};
use crate::progress::ProgressBars;
use crate::sample;
use crate::text::{keywords, wrap};
use anyhow::Context;
use engine::evaluation::{self, CollectionCorpus, DEFAULT_MODES, EvalNotes};
use engine::indexing::{self, Deletions, IndexJob};
use engine::text::pluralize;
use engine::{EmbeddedQueries, PathNamer};
use eval::{Qrels, Query};
use ingest::embed;
use ingest::pipeline::PipelineOptions;
use ingest::{Chunking, Embedder};
use query::{Mode, Options, ResultUnit, Searcher};
use serde::Serialize;
use std::time::Instant;
use store::{Collection, Language};

/// The article that the demo treats apart from the sample articles.
const PROVIDED_ARTICLE: &str = "data/provided-article.txt";
/// The indexes of the paraphrases whose answers are printed.
const SHOWN_PARAPHRASES: [usize; 5] = [0, 24, 100, 200, 300];
/// The depth of MRR.
const MRR_DEPTH: usize = 10;

/// The quality of one mode on one set of questions.
#[derive(Debug, Clone, Serialize)]
struct ModeQuality {
    articles: &'static str,
    wording: &'static str,
    mode: Mode,
    questions: usize,
    /// The share of questions whose answer is the first passage.
    recall_at_1: f64,
    /// The mean of the reciprocal rank of the answer; 0 for answers below the tenth rank.
    mrr_at_10: f64,
}

/// A question whose answer is printed.
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
    let started = Instant::now();
    let folder = tempfile::tempdir().context("a temporary folder")?;
    let root = folder.path().canonicalize()?;
    sample::unpack(&root.join("data"))?;
    let location = root.join(".nigh").into();
    let threads = args.threads.unwrap_or_else(cores);
    let embedder = embed::load(embed::builtin::ALIAS)?;
    let mut plan = PipelineOptions::new(Chunking::default(), threads);
    plan.sandbox = read_worker::sandbox();
    let (model, language) = (embedder.model().clone(), Language::English);
    let mut collection = store::create(
        &location,
        model,
        plan.chunking,
        index::Params::default(),
        language,
    )?;
    let (roots, names) = ([root.join("data")], PathNamer::new(&location));
    let job = IndexJob {
        roots: &roots,
        format: None,
        plan,
        names: &names,
        builder: None,
        deletions: Deletions::Never,
    };
    let report = indexing::index(
        &mut *collection,
        embedder.fork()?,
        &job,
        &indexing::Scan::new(&job),
        &ProgressBars::default(),
    )?;
    let wordings = sample::paraphrases()?;
    let (queries, judged) = load_queries(&*collection, &wordings)?;
    let answers = answers(&*collection, embedder.fork()?, &wordings, &judged)?;
    let verdicts = evaluate_modes(&*collection, &*embedder, &queries, &judged, threads)?;
    let seconds = started.elapsed().as_secs_f64();
    if output.is_json() {
        output.json(
            &serde_json::json!({ "index": report, "answers": answers, "verdicts": verdicts, "seconds": seconds }),
        )?;
        return Ok(Outcome::Done);
    }
    output.line(format_args!(
        "Indexed {} in {} ({:.1} s, {:.0} passages/s). Their questions are not in the index.",
        pluralize(report.articles, "article"),
        pluralize(report.passages, "passage"),
        report.seconds,
        report.passages_per_second
    ))?;
    print_answers(output, &answers)?;
    print_verdicts(output, &verdicts)?;
    output.line(format_args!(
        "Done in {seconds:.1} s. Try your own files: nigh index FOLDER, then nigh search \"…\"."
    ))?;
    Ok(Outcome::Done)
}

fn answers(
    collection: &dyn Collection,
    embedder: Box<dyn Embedder>,
    wordings: &[Query],
    judged: &Qrels,
) -> anyhow::Result<Vec<Answer>> {
    let mut searcher = Searcher::new(collection, Some(embedder))?;
    let mut answers = Vec::new();
    for asked in SHOWN_PARAPHRASES.iter().filter_map(|at| wordings.get(*at)) {
        let response = searcher.search(
            &asked.text,
            &Options {
                k: 1,
                ..Options::default()
            },
        )?;
        let Some(hit) = response.hits.into_iter().next() else {
            continue;
        };
        let right = judged
            .topics
            .get(&asked.id)
            .is_some_and(|topic| topic.met_by(&hit.passage_id).next().is_some());
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

/// The questions that the articles ask and their paraphrases, with the places of the answers.
fn load_queries(
    collection: &dyn Collection,
    paraphrases: &[Query],
) -> anyhow::Result<(Vec<Query>, Qrels)> {
    let from_articles = evaluation::article_questions(collection)?;
    let mut paraphrases = paraphrases.to_vec();
    evaluation::group_paraphrases(&mut paraphrases, &from_articles, &mut EvalNotes::default());
    let (mut queries, judgements): (Vec<Query>, Vec<_>) = from_articles.into_iter().unzip();
    queries.extend(paraphrases);
    let mut judged = Qrels::new(&judgements, Some(&CollectionCorpus(collection)), None)?;
    judged.share_within_groups(&queries);
    Ok((queries, judged))
}

/// Evaluates every mode.
fn evaluate_modes(
    collection: &dyn Collection,
    embedder: &dyn Embedder,
    queries: &[Query],
    judged: &Qrels,
    threads: usize,
) -> anyhow::Result<Vec<ModeQuality>> {
    let texts: Vec<&str> = queries.iter().map(|query| query.text.as_str()).collect();
    let variants = DEFAULT_MODES.map(|mode| Options {
        k: MRR_DEPTH,
        mode,
        by: ResultUnit::Passage,
        ..Options::default()
    });
    let mut rankings_by_query = Vec::with_capacity(texts.len());
    let progress = ProgressBars::default();
    let embedded = EmbeddedQueries::embed(&texts, Some(embedder), threads, &progress)?;
    embedded.search(
        collection,
        threads,
        &variants,
        None,
        &progress,
        |_, rankings| {
            rankings_by_query.push(rankings);
            Ok(())
        },
    )?;
    let mut verdicts = Vec::new();
    for (articles, is_provided) in [("provided article", true), ("sample articles", false)] {
        for (wording, is_paraphrase) in [("as asked", false), ("paraphrased", true)] {
            for (at, mode) in DEFAULT_MODES.into_iter().enumerate() {
                let mut ranks = Vec::new();
                for (query, rankings) in queries.iter().zip(&rankings_by_query) {
                    let need = query.group.as_deref().unwrap_or(&query.id);
                    if need.starts_with(PROVIDED_ARTICLE) == is_provided
                        && query.question.is_some() == is_paraphrase
                    {
                        let topic = judged.topics.get(&query.id);
                        ranks.extend(topic.map(|topic| {
                            topic
                                .ranks(rankings[at].iter().map(|scored| scored.id.as_str()))
                                .into_iter()
                                .flatten()
                                .min()
                        }));
                    }
                }
                let mean = |value: &dyn Fn(usize) -> f64| {
                    ranks.iter().flatten().map(|rank| value(*rank)).sum::<f64>()
                        / ranks.len().max(1) as f64
                };
                verdicts.push(ModeQuality {
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
        let mark = if answer.right {
            styled(style::GOOD, "right")
        } else {
            styled(style::BAD, "wrong")
        };
        let place = styled(
            style::LOCATION,
            format_args!("{}:{}", answer.article, answer.line),
        );
        output.line(format_args!(
            "  {:.3}  {place}  {mark}: paraphrase of \u{201c}{}\u{201d}",
            answer.score, answer.rewords
        ))?;
        output.line(wrap(
            &answer.text,
            width(),
            "    ",
            &keywords(&answer.question),
            None,
        ))?;
    }
    Ok(())
}

fn print_verdicts(output: &mut Output, verdicts: &[ModeQuality]) -> anyhow::Result<()> {
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
