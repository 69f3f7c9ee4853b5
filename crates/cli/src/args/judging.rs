//! The commands that judge answers.

use super::{LevelArg, ModeArg, OnCollection, Ranking};
use clap::Args as ClapArgs;
use std::path::PathBuf;

/// `nigh eval`
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  nigh eval --qa                                          the questions that the articles ask themselves
  nigh eval --qa --queries paraphrases.jsonl              and other wordings of them
  nigh eval --queries q.jsonl --qrels qrels.tsv --mode hybrid,dense
  nigh eval --queries q.jsonl --qrels answers.jsonl --report verdict
  nigh eval --qrels qrels.tsv --run a.trec --run b.trec   run files, without a collection
  nigh eval --qa --grid grid.toml                         other ways of cutting, all judged

QRELS is BEIR's (query-id, corpus-id, score between tabs), TREC's (query 0 article grade), or JSON
lines that name an article (corpus-id), bytes of it (start, end) or words that stand in it
(answers); it can be given several times. Spans and answers are judged by the passages that hold
them, however articles are cut: a passage holds a span if the two share at least half of the
shorter one. Metrics are those of trec_eval: nDCG, recall, precision, MRR, MAP, success and judged,
with @k for the depth (of a mode, at most the first 100 without); means are over the questions with
something relevant to find.

In Q.jsonl, `group` joins wordings of one need, which count as one in tests and intervals; `question`, and `article` if several ask the same,
join a wording to a question of an article.

A grid is a TOML file of lists to try: model, chunk, chunk_tokens, overlap. The best of several
systems is chosen on half of the questions and reported on the other half.

Exit code 1: some judgements or wordings could not be used; they are named and counted as missed.")]
pub struct Eval {
    #[command(flatten)]
    pub on: OnCollection,
    /// Whether the collection was named on the command line.
    #[arg(skip)]
    pub names_collection: bool,
    #[command(flatten)]
    pub judging: Judging,
    /// The modes to judge [default: hybrid,dense,lexical]; with --rerank each also reranked
    #[arg(long, value_enum, value_delimiter = ',')]
    pub mode: Vec<ModeArg>,
    #[command(flatten)]
    pub ranking: Ranking,
    /// The metrics; the first one orders systems, and its depth says what counts as missed
    /// [default: nDCG@10,recall@10,recall@100,MRR@10,success@1]
    #[arg(long, value_delimiter = ',', value_name = "A,B,…")]
    pub metrics: Vec<String>,
    /// A TREC run file to judge beside the modes, or instead of them
    #[arg(long, value_name = "RUN")]
    pub run: Vec<PathBuf>,
    /// The mode whose results the run files rerank: what it had and they have not was lost there
    #[arg(long, value_enum, value_name = "MODE", requires = "run")]
    pub reranked: Option<ModeArg>,
    /// Judge answers by their passages, or by their articles [default: as the judgements are]
    #[arg(long, value_enum)]
    pub by: Option<LevelArg>,
    /// Also judge the collection's articles cut and embedded in other ways, which this file lists
    #[arg(long, value_name = "FILE")]
    pub grid: Option<PathBuf>,
    /// Write every value of every question, as CSV or, by the name, .jsonl
    #[arg(long, value_name = "FILE")]
    pub per_query: Option<PathBuf>,
    /// Write a report with tables and plots into this folder; bench recall adds its curve to the page
    #[arg(long, value_name = "DIR")]
    pub report: Option<PathBuf>,
    /// What every random choice is made from
    #[arg(long, value_name = "N", default_value_t = 42)]
    pub seed: u64,
    /// How many threads [default: one a core]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
}

/// What is asked, and what is right.
#[derive(Debug, ClapArgs)]
pub struct Judging {
    /// The questions: JSON lines with `_id` and `text`
    #[arg(long, value_name = "FILE")]
    pub queries: Option<PathBuf>,
    /// What is relevant to what
    #[arg(long, value_name = "FILE")]
    pub qrels: Vec<PathBuf>,
    /// Judge by the question-and-answer pairs in the collection's own articles
    #[arg(long)]
    pub qa: bool,
}

/// `nigh tune`
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  nigh tune --qa                                       the questions that the articles ask themselves
  nigh tune --qa --queries paraphrases.jsonl           and other wordings of them
  nigh tune --queries q.jsonl --qrels qrels.tsv --metric MRR@10
  nigh tune --reset                                    back to the default

It tries every method of fusing the two lists with weights from 0 to 1 and keeps, in the collection,
the one that is best on your questions; search, run and eval then use it. What that is worth is
measured on questions that it was not chosen on, and compared with the default and with either list
alone. Nothing is kept that is not better there. Questions and judgements are those of nigh eval.

Exit code 1: some judgements or wordings could not be used.")]
pub struct Tune {
    #[command(flatten)]
    pub on: OnCollection,
    #[command(flatten)]
    pub judging: Judging,
    /// What is to be best
    #[arg(long, value_name = "METRIC", default_value = "nDCG@10")]
    pub metric: String,
    /// Into how many parts the questions are divided: each is judged by what is best on the others
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(2..=100))]
    pub folds: u32,
    /// Say what is best, and keep the collection as it is
    #[arg(long)]
    pub dry_run: bool,
    /// Forget what was tuned
    #[arg(long, conflicts_with_all = ["queries", "qrels", "qa", "dry_run"])]
    pub reset: bool,
    /// What the parts are drawn with
    #[arg(long, value_name = "N", default_value_t = 42)]
    pub seed: u64,
    /// How many threads [default: one a core]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
}

impl From<&Judging> for engine::judge::Judging {
    fn from(args: &Judging) -> Self {
        Self { queries: args.queries.clone(), qrels: args.qrels.clone(), qa: args.qa }
    }
}
