//! Arguments of the commands that evaluate search quality.

use super::{CollectionArg, LevelArg, ModeArg, Ranking};
use clap::Args as ClapArgs;
use std::path::PathBuf;

/// `nigh eval`
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  nigh eval --qa                                          the articles' own questions and answers
  nigh eval --qa --queries paraphrases.jsonl              and paraphrases of these questions
  nigh eval --queries q.jsonl --qrels qrels.tsv --mode hybrid,dense
  nigh eval --queries q.jsonl --qrels answers.jsonl --report verdict
  nigh eval --qrels qrels.tsv --run a.trec --run b.trec   run files, without a collection
  nigh eval --qa --grid grid.toml                         compare chunking options

QRELS is in BEIR format (query-id, corpus-id, score, separated by tabs), TREC format (query 0
article grade), or JSON Lines that name an article (corpus-id), a byte range in it (start, end) or
verbatim answers; it can be given several times. Spans and answers are found by the passages that
contain them, however articles are chunked: a passage contains a span if their overlap is at least
half of the shorter of the two. Metrics are those of trec_eval: nDCG, recall, precision, MRR, MAP, success
and judged, with @k for the depth (100 if omitted, for modes). Means are over the queries that have
a relevant answer.

In Q.jsonl, `group` joins paraphrases, which count as one query in tests and intervals; `question`,
and `article` if several articles ask it, joins a paraphrase to an article's own question.

A grid is a TOML file with lists of values to try for model, chunk, chunk_tokens and overlap. The
best of several systems is selected on half of the queries and reported on the other half.

Exit code 1: some judgements or paraphrases could not be used; they are listed and count as misses.")]
pub struct Eval {
    #[command(flatten)]
    pub target: CollectionArg,
    /// Whether --collection was given on the command line, and not by the environment.
    #[arg(skip)]
    pub has_collection_flag: bool,
    #[command(flatten)]
    pub inputs: EvalInputs,
    /// Evaluate these modes, with --rerank also reranked [default: hybrid,dense,lexical]
    #[arg(long, value_enum, value_delimiter = ',')]
    pub mode: Vec<ModeArg>,
    #[command(flatten)]
    pub ranking: Ranking,
    /// Compute these metrics. The first one orders the systems, and its depth decides what counts
    /// as a miss [default: nDCG@10,recall@10,recall@100,MRR@10,success@1]
    #[arg(long, value_delimiter = ',', value_name = "A,B,…")]
    pub metrics: Vec<String>,
    /// Evaluate a TREC run file besides the modes, or instead of them
    #[arg(long, value_name = "RUN")]
    pub run: Vec<PathBuf>,
    /// Treat run files as rerankings of this mode's results, to tell which misses they caused
    #[arg(long, value_enum, value_name = "MODE", requires = "run")]
    pub reranked: Option<ModeArg>,
    /// Judge articles, or answers by the passages that contain them [default: answers if any
    /// judgement is a span or a text, otherwise articles]
    #[arg(long, value_enum)]
    pub by: Option<LevelArg>,
    /// Also evaluate other chunking options and models, listed in FILE
    #[arg(long, value_name = "FILE")]
    pub grid: Option<PathBuf>,
    /// Write all values of all queries to FILE, as JSON Lines if its name ends in .jsonl,
    /// otherwise as CSV
    #[arg(long, value_name = "FILE")]
    pub per_query: Option<PathBuf>,
    /// Write a report with tables and plots to DIR; bench recall adds its curve to it
    #[arg(long, value_name = "DIR")]
    pub report: Option<PathBuf>,
    /// Use this random seed
    #[arg(long, value_name = "N", default_value_t = 42)]
    pub seed: u64,
    /// Search on N threads [default: number of cores]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
}

/// The queries and relevance judgements.
#[derive(Debug, ClapArgs)]
pub struct EvalInputs {
    /// Read queries from FILE: JSON Lines with `_id` and `text`
    #[arg(long, value_name = "FILE")]
    pub queries: Option<PathBuf>,
    /// Read relevance judgements from FILE
    #[arg(long, value_name = "FILE")]
    pub qrels: Vec<PathBuf>,
    /// Use the question-and-answer pairs in the collection's own articles
    #[arg(long)]
    pub qa: bool,
}

/// `nigh tune`
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  nigh tune --qa                                       the articles' own questions and answers
  nigh tune --qa --queries paraphrases.jsonl           and paraphrases of these questions
  nigh tune --queries q.jsonl --qrels qrels.tsv --metric MRR@10
  nigh tune --reset                                    restore the default

Tries every fusion method with weights from 0 to 1, and stores the best one in the collection, where
search, run and eval use it. The gain is estimated by cross-validation and compared with the current
setting and with dense and lexical search alone; nothing is stored unless it is better. Queries and
judgements are as for nigh eval.

Exit code 1: some judgements or paraphrases could not be used.")]
pub struct Tune {
    #[command(flatten)]
    pub target: CollectionArg,
    #[command(flatten)]
    pub inputs: EvalInputs,
    /// Maximize this metric
    #[arg(long, value_name = "METRIC", default_value = "nDCG@10")]
    pub metric: String,
    /// Cross-validate with N folds
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(2..=100))]
    pub folds: u32,
    /// Show the result without changing the collection
    #[arg(long)]
    pub dry_run: bool,
    /// Restore the default fusion
    #[arg(long, conflicts_with_all = ["queries", "qrels", "qa", "dry_run"])]
    pub reset: bool,
    /// Use this random seed to assign queries to folds
    #[arg(long, value_name = "N", default_value_t = 42)]
    pub seed: u64,
    /// Search on N threads [default: number of cores]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
}

impl From<&EvalInputs> for engine::evaluation::EvalInputs {
    fn from(args: &EvalInputs) -> Self {
        Self {
            queries: args.queries.clone(),
            qrels: args.qrels.clone(),
            qa: args.qa,
        }
    }
}
