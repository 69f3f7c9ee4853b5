//! The arguments.

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use ingest::{Format, Strategy};
use query::{ArticleScore, By, Mode};
use std::path::PathBuf;
use store::{Filter, FusionMethod, Language};

/// Semantic search over your own articles: index them, ask in your own words, get the passage that
/// answers, its score and where it stands.
#[derive(Debug, Parser)]
#[command(
    name = "nigh",
    version,
    after_help = "Examples:
  nigh demo                                    see what it does, on built-in articles
  nigh index docs/ notes.md                    make or update the collection .nigh
  nigh search \"how do I cancel my order\"       ask it
  nigh search -c books -k 3 --json \"…\" | jq    for scripts

Defaults come from nigh.toml in this folder or one above, and NIGH_COLLECTION.
Exit codes: 0 all done; 1 less done than asked; 2 bad usage or unusable input."
)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Print one JSON document instead of text.
    #[arg(long, global = true)]
    pub json: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Index built-in articles, ask them paraphrased questions, and judge the answers
    Demo(Demo),
    /// Make a collection of articles, or bring it up to date
    Index(Index),
    /// Ask a question
    Search(Search),
    /// Ask a file of questions and write a TREC run file
    Run(Run),
    /// Judge the answers to questions whose answers are known
    Eval(Eval),
    /// Fit the fusing of meaning and words to your own questions
    Tune(Tune),
    /// Say what a collection holds
    Stats(OnCollection),
    /// Read a whole collection and prove that nothing in it is lost or damaged
    Check(OnCollection),
    /// Delete articles from a collection
    Delete(Delete),
    /// Drop what was deleted and leave one segment with a fresh graph
    Compact(Compact),
    /// List the models that can be asked for by name
    Models,
    /// Measure
    Bench(Bench),
    /// Print a completion script for a shell
    Completions(Completions),
    /// Print the manual page, or that of a command
    Man(Man),
}

/// Which collection.
#[derive(Debug, Clone, ClapArgs)]
pub struct OnCollection {
    /// The collection [default: .nigh]
    #[arg(short, long, value_name = "DIR", env = "NIGH_COLLECTION")]
    pub collection: Option<String>,
}

/// `nigh demo`
#[derive(Debug, ClapArgs)]
#[command(after_help = "It needs no files, no network and under ten seconds; what it makes is removed again.")]
pub struct Demo {
    /// How many threads embed [default: one a core]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
}

/// `nigh index`
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  nigh index docs/                         every article under docs/
  nigh index docs/ a.pdf -c books          into the collection `books`
  nigh index faq.txt --format qa           a summary line, then question and answer lines in turn
  nigh index wiki/ --chunk markdown        cut at headings
  nigh index beir/scifact --chunk whole    an article is one passage, as published figures have it

Articles that have not changed are skipped, changed ones replaced, and those whose file is gone
deleted. Files named in .gitignore, .ignore or .nighignore and hidden files are left out. Stopped
with Ctrl-C or killed, it keeps what it has: the same command goes on from there.")]
pub struct Index {
    /// Files and folders of articles.
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    #[command(flatten)]
    pub on: OnCollection,
    /// The format of every file, instead of finding it out from name and content
    #[arg(long, value_enum, default_value_t = FormatArg::Auto)]
    pub format: FormatArg,
    /// How to cut articles into passages [default: as the collection was, or sentences]
    #[arg(long, value_enum)]
    pub chunk: Option<ChunkArg>,
    /// The most word pieces of a passage [default: 128]
    #[arg(long, value_name = "N")]
    pub chunk_tokens: Option<usize>,
    /// How many sentences of a passage the next one repeats [default: 1]
    #[arg(long, value_name = "N")]
    pub overlap: Option<usize>,
    /// The model: a name that `nigh models` lists, or a folder with an ONNX model [default: the
    /// collection's, or builtin]
    #[arg(long, value_name = "NAME|DIR")]
    pub model: Option<String>,
    /// The language of a new collection's words, which says what their stems are, or `other`
    /// [default: that of most of the first articles]
    #[arg(long, value_name = "NAME")]
    pub language: Option<Language>,
    /// What builds graphs from now on [default: as the collection was, or batch]
    #[arg(long, value_enum)]
    pub builder: Option<BuilderArg>,
    /// How many threads embed and build [default: one a core]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// The most bytes of one article; a larger one is skipped and named
    #[arg(long, value_name = "N", default_value_t = 16 << 20)]
    pub max_article_bytes: u64,
}

/// `nigh search`
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  nigh search \"why do my tomatoes split\"
  nigh search -k 3 --mode dense \"…\"
  nigh search --by article \"…\"
  nigh search --filter 'source:reuters AND date:>=2025-06' \"…\"
  nigh search --rerank maxsim --explain \"…\"
  nigh search - < questions.txt            a question a line
  nigh search --json \"…\" | jq -r '.hits[0].text'

Filters: FIELD:VALUE joined by AND, OR, NOT and parentheses. A field is a name of the articles'
metadata, or id, path or title. A value is a word or \"quoted words\", letter case aside, with * and ?
for others (in a path, * stops at / and ** does not); * alone for any; >, >=, <, <= and a bound; or
[LOW TO HIGH], with * for an open end and { } for bounds left out. Dates compare as far as the
bound says: date:2025-06 is all of June. Of a list, one value that fits is enough.

Copies of a passage in other articles are listed under the best of them.")]
pub struct Search {
    /// The question, in your own words; `-` reads questions from standard input, one a line.
    #[arg(value_name = "QUESTION")]
    pub question: String,
    #[command(flatten)]
    pub on: OnCollection,
    /// How many hits [default: 10]
    #[arg(short, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub k: Option<u32>,
    #[command(flatten)]
    pub how: How,
    /// Rank passages, or articles by their best passage
    #[arg(long, value_enum, default_value_t = ByArg::Passage)]
    pub by: ByArg,
    /// Show also the N passages before and after each
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=100))]
    pub around: u32,
    /// List copies of a passage beside it, not under it
    #[arg(long)]
    pub copies: bool,
    /// Choose hits unlike one another; W, from 0 to 1, is how much that counts [default: 0.3]
    #[arg(long, value_name = "W", num_args = 0..=1, require_equals = true, default_missing_value = "0.3", value_parser = zero_to_one)]
    pub diverse: Option<f32>,
    /// Take every score apart, and mark the sentence that answers best
    #[arg(long)]
    pub explain: bool,
}

/// How to search.
#[derive(Debug, Clone, ClapArgs)]
pub struct How {
    /// Nearness in meaning (dense), words in common (lexical), or both (hybrid) [default: hybrid]
    #[arg(long, value_enum)]
    pub mode: Option<ModeArg>,
    #[command(flatten)]
    pub ranking: Ranking,
}

/// How to rank.
#[derive(Debug, Clone, ClapArgs)]
#[command(next_help_heading = "Ranking")]
pub struct Ranking {
    /// Look at every vector instead of walking the graph
    #[arg(long)]
    pub exact: bool,
    /// Which articles may answer, by their metadata, id, path or title: source:reuters AND
    /// date:[2025-01-01 TO 2025-06-30] AND NOT tag:sport; see `nigh search --help`
    #[arg(long, value_name = "EXPR")]
    pub filter: Option<Filter>,
    /// What makes the scores of the two lists comparable [default: as the collection was tuned, or
    /// z-score]
    #[arg(long, value_enum, value_name = "METHOD")]
    pub fusion: Option<FusionArg>,
    /// What nearness in meaning counts, from 0 to 1; words count the rest [default: as the
    /// collection was tuned, or 0.5]
    #[arg(long, value_name = "W", value_parser = zero_to_one)]
    pub dense_weight: Option<f32>,
    /// Look at the best again: maxsim (the built-in model, word piece by word piece), builtin (its
    /// cosine, for collections of another model), a cross-encoder by name or folder, or none
    /// [default: builtin for a collection of the static model, else none]
    #[arg(long, value_name = "MODEL")]
    pub rerank: Option<String>,
    /// How many of the best are reranked
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub rerank_top: u32,
    /// How many milliseconds reranking may take; what is left then stays below [default: 2000 for
    /// a search, no limit for a batch]
    #[arg(long, value_name = "MS")]
    pub rerank_ms: Option<u32>,
    /// An article's score: that of its best passage, or with a share of its further ones
    #[arg(long, value_enum, default_value_t = ArticleScoreArg::Best)]
    pub article_score: ArticleScoreArg,
}

fn zero_to_one(text: &str) -> Result<f32, String> {
    match text.parse() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("expected a number from 0 to 1".to_owned()),
    }
}

/// `nigh run`
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  nigh run --queries queries.jsonl --out bm25.trec --mode lexical
  nigh run -c scifact --queries scifact/queries.jsonl --out dense.trec --mode dense --exact

Queries are JSON lines with `_id` and `text`. The run names articles, each by its best passage;
--by passage names passages. Its manifest, with model, parameters and versions, is written beside
it as RUN.manifest.json.")]
pub struct Run {
    #[command(flatten)]
    pub on: OnCollection,
    /// The questions: JSON lines with `_id` and `text`
    #[arg(long, value_name = "FILE")]
    pub queries: PathBuf,
    /// The run file to write
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// How many results a question
    #[arg(short, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub k: u32,
    #[command(flatten)]
    pub how: How,
    /// Rank passages, or articles by their best passage
    #[arg(long, value_enum, default_value_t = ByArg::Article)]
    pub by: ByArg,
    /// How many threads [default: one a core]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
}

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

/// `nigh delete`
#[derive(Debug, ClapArgs)]
#[command(after_help = "Ids are those that search and --json show. What is deleted is found no more at once; its
vectors take space until `nigh compact`.")]
pub struct Delete {
    /// Article ids.
    #[arg(required = true, value_name = "ID")]
    pub ids: Vec<String>,
    #[command(flatten)]
    pub on: OnCollection,
}

/// `nigh compact`
#[derive(Debug, ClapArgs)]
pub struct Compact {
    #[command(flatten)]
    pub on: OnCollection,
    /// What builds graphs from now on, the one made here first [default: as it was]
    #[arg(long, value_enum)]
    pub builder: Option<BuilderArg>,
    /// How many threads build the graph [default: one a core]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
}

/// `nigh bench`
#[derive(Debug, ClapArgs)]
pub struct Bench {
    /// What to measure.
    #[command(subcommand)]
    pub what: BenchWhat,
}

/// What can be measured.
#[derive(Debug, Subcommand)]
pub enum BenchWhat {
    /// Embedding: passages and word pieces a second, milliseconds a question, start-up, memory
    Embed(BenchEmbed),
    /// The graph against the exact scan: recall, speed, build time, memory, health
    Recall(BenchRecall),
    /// From a question to its ranked answer: milliseconds
    Search(BenchSearch),
}

/// `nigh bench search`
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  nigh bench search --queries questions.jsonl
  nigh bench search -c books --queries questions.jsonl --mode dense --filter year:>2000

Questions are asked one after the other, as nigh search asks them, embedding included, after some
to warm up. What is told is the middle one, and those that nine in ten and ninety-nine in a hundred
stay below.")]
pub struct BenchSearch {
    #[command(flatten)]
    pub on: OnCollection,
    /// The questions: JSON lines with `_id` and `text`
    #[arg(long, value_name = "FILE")]
    pub queries: PathBuf,
    /// At most so many of them
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: u32,
    /// How many hits
    #[arg(short, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub k: u32,
    #[command(flatten)]
    pub how: How,
}

/// `nigh bench embed`
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  nigh bench embed
  nigh bench embed --texts passages.txt --threads 1
  nigh bench embed --model BGESmallENV15")]
pub struct BenchEmbed {
    /// The model [default: builtin]
    #[arg(long, value_name = "NAME|DIR")]
    pub model: Option<String>,
    /// The passages, one a line [default: the built-in articles, cut into 128 word pieces]
    #[arg(long, value_name = "FILE")]
    pub texts: Option<PathBuf>,
    /// How many threads [default: one a core]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
}

/// `nigh bench recall`
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  nigh bench recall                                      the collection, asked for its own vectors
  nigh bench recall --queries questions.jsonl            asked these questions
  nigh bench recall --base x.f32 --queries q.f32 --dim 384 --ef 40,80 --m 16,32

Raw files hold little-endian 32-bit floats, row after row; rows are scaled to unit length. The graph
is built anew for every M and measured as a collection would search it. The exact answers are kept
in the user's cache folder, by the content of vectors and queries. A neighbour as near as the k-th
counts as found. A walk keeps at least k candidates; where there are no more than 50 vectors for
each of them, all are looked at instead: that takes no longer. With --allow, searches among a share
of the rows are measured too: rows from anywhere, those nearest to the query, and those farthest
from it, with the longest candidate list.")]
pub struct BenchRecall {
    #[command(flatten)]
    pub on: OnCollection,
    /// Raw vectors to search instead of a collection's
    #[arg(long, value_name = "X.f32", requires = "dim", requires = "queries")]
    pub base: Option<PathBuf>,
    /// What to ask for: raw vectors with --base, else questions as JSON lines
    #[arg(long, value_name = "FILE")]
    pub queries: Option<PathBuf>,
    /// How many numbers a row of the raw files has
    #[arg(long, value_name = "D", requires = "base")]
    pub dim: Option<usize>,
    /// Lengths of the candidate list to measure
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_value = "10,20,40,80,160,320", value_parser = at_least_one)]
    pub ef: Vec<usize>,
    /// How many neighbours are asked for
    #[arg(short, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub k: u32,
    /// The most neighbours of a node, to build with
    #[arg(long, value_name = "M,…", value_delimiter = ',', default_value = "16")]
    pub m: Vec<usize>,
    /// The length of the candidate list while building
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub ef_construction: usize,
    /// What builds the graph
    #[arg(long, value_enum, default_value_t = BuilderArg::Batch)]
    pub builder: BuilderArg,
    /// What levels and the order of insertion are made from
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// What walks compare before vectors are looked at
    #[arg(long, value_enum, default_value_t = FirstPassArg::Int8)]
    pub first_pass: FirstPassArg,
    /// Shares of the rows to search among alone, such as 0.5,0.01
    #[arg(long, value_name = "SHARE,…", value_delimiter = ',', value_parser = share)]
    pub allow: Vec<f64>,
    /// How many threads build, and search for the second figure [default: one a core]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// Write a report with the curve into this folder
    #[arg(long, value_name = "DIR")]
    pub report: Option<PathBuf>,
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if share > 0.0 && share <= 1.0 => Ok(share),
        _ => Err("expected a number above 0 and not above 1".to_owned()),
    }
}

/// What builds a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BuilderArg {
    /// Our own: the same seed and vectors give the same graph
    Batch,
    /// The crate hnsw_rs
    #[value(name = "hnsw_rs")]
    HnswRs,
}

impl From<BuilderArg> for index::Builder {
    fn from(arg: BuilderArg) -> Self {
        match arg {
            BuilderArg::Batch => Self::Batch,
            BuilderArg::HnswRs => Self::HnswRs,
        }
    }
}

/// What a walk compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FirstPassArg {
    /// A byte a number
    Int8,
    /// A bit a number: less memory, longer lists for the same recall
    Binary,
}

impl From<FirstPassArg> for index::FirstPass {
    fn from(arg: FirstPassArg) -> Self {
        match arg {
            FirstPassArg::Int8 => Self::Int8,
            FirstPassArg::Binary => Self::Binary,
        }
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if (1..=1_000_000).contains(&number) => Ok(number),
        _ => Err("expected a whole number from 1 to 1,000,000".to_owned()),
    }
}

/// `nigh completions`
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  nigh completions bash > ~/.local/share/bash-completion/completions/nigh
  nigh completions zsh > ~/.zfunc/_nigh
  nigh completions fish > ~/.config/fish/completions/nigh.fish")]
pub struct Completions {
    /// The shell.
    pub shell: Shell,
}

/// `nigh man`
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  nigh man | man -l -
  nigh man index > nigh-index.1")]
pub struct Man {
    /// The command [default: the program as a whole]
    #[arg(value_name = "COMMAND")]
    pub of: Option<String>,
}

macro_rules! value_enum {
    ($(#[$doc:meta])* $name:ident => $target:ty { $($(#[$variant_doc:meta])* $variant:ident),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Deserialize)]
        #[serde(rename_all = "lowercase")]
        pub enum $name { $($(#[$variant_doc])* $variant),* }

        impl From<$name> for $target {
            fn from(value: $name) -> Self {
                match value { $($name::$variant => <$target>::$variant),* }
            }
        }
    };
}

value_enum!(
    /// How articles are cut.
    ChunkArg => Strategy { Whole, Sentences, Markdown }
);
value_enum!(
    /// Which lists answer.
    ModeArg => Mode { Hybrid, Dense, Lexical }
);
value_enum!(
    /// What is judged.
    LevelArg => eval::Level { Article, Answer }
);
value_enum!(
    /// What is ranked.
    ByArg => By { Passage, Article }
);
value_enum!(
    /// What an article's passages make of its score.
    ArticleScoreArg => ArticleScore { Best, Sum }
);

/// What makes scores comparable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FusionArg {
    /// Standard deviations from the list's mean
    ZScore,
    /// From the list's lowest, 0, to its highest, 1
    MinMax,
    /// From three standard deviations below the mean, 0, to three above, 1
    Distribution,
    /// Ranks alone: 1 / (60 + rank)
    Rrf,
}

impl From<FusionArg> for FusionMethod {
    fn from(arg: FusionArg) -> Self {
        match arg {
            FusionArg::ZScore => Self::ZScore,
            FusionArg::MinMax => Self::MinMax,
            FusionArg::Distribution => Self::Distribution,
            FusionArg::Rrf => Self::Rrf,
        }
    }
}

/// The format of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FormatArg {
    Auto,
    Qa,
    Text,
    Markdown,
    Html,
    Pdf,
    Jsonl,
    Csv,
    Beir,
}

impl FormatArg {
    /// The format, or `None` to find it out.
    pub fn format(self) -> Option<Format> {
        Some(match self {
            Self::Auto => return None,
            Self::Qa => Format::Qa,
            Self::Text => Format::Text,
            Self::Markdown => Format::Markdown,
            Self::Html => Format::Html,
            Self::Pdf => Format::Pdf,
            Self::Jsonl => Format::Jsonl,
            Self::Csv => Format::Csv,
            Self::Beir => Format::Beir,
        })
    }
}
