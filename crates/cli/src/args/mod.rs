//! The arguments: a struct a command, in files by what they are about.

mod bench;
mod judging;
mod ranking;
mod serving;
mod values;

pub use bench::{Bench, BenchEmbed, BenchRecall, BenchSearch, BenchWhat};
pub use judging::{Eval, Tune};
pub use ranking::{How, Ranking};
pub use serving::{Key, KeyWhat, Mcp, Serve};
pub use values::{ArticleScoreArg, BuilderArg, ByArg, ChunkArg, FirstPassArg, FormatArg, FusionArg, LevelArg, ModeArg};

use bytesize::ByteSize;
use clap::parser::ValueSource;
use clap::{Args as ClapArgs, CommandFactory, FromArgMatches, Parser, Subcommand};
use clap_complete::Shell;
use ingest::read::Limits;
use ranking::zero_to_one;
use std::ffi::OsString;
use std::path::PathBuf;
use store::Language;

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
Exit codes: 0 all done; 1 less done than asked; 2 any error."
)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Print one JSON document instead of text.
    #[arg(long, global = true)]
    pub json: bool,
}

impl Args {
    /// The arguments of this process; ends it where they are wrong, or ask for help.
    pub fn of_process() -> Self {
        Self::of(std::env::args_os()).unwrap_or_else(|error| error.exit())
    }

    fn of(words: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> Result<Self, clap::Error> {
        let mut command = Self::command();
        let matches = command.try_get_matches_from_mut(words)?;
        let mut args = Self::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
        if let (Command::Eval(eval), Some((_, matches))) = (&mut args.command, matches.subcommand()) {
            eval.names_collection = matches.value_source("collection") == Some(ValueSource::CommandLine);
        }
        Ok(args)
    }
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
    /// Answer over HTTP, with a page to ask
    Serve(Serve),
    /// Answer an assistant over the Model Context Protocol
    Mcp(Mcp),
    /// Make and take back API keys
    Key(Key),
    /// Say what a collection holds
    #[command(after_help = "Examples:
  nigh stats
  nigh stats -c books --json | jq .passages")]
    Stats(OnCollection),
    /// Read a whole collection and prove that nothing in it is lost or damaged
    Check(Check),
    /// Delete articles from a collection
    Delete(Delete),
    /// Drop what was deleted and leave one segment with a fresh graph
    Compact(Compact),
    /// Write a collection's passages and vectors to a file
    Export(Export),
    /// Take articles with their vectors into a collection
    Import(Import),
    /// Cut and embed articles into a file, with no collection
    Embed(Embed),
    /// Read files for another process of this program
    #[command(hide = true)]
    ReadApart,
    /// List the models that can be asked for by name
    #[command(after_help = "Examples:
  nigh models
  nigh models --json | jq -r '.[].name'")]
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
#[command(after_help = "Examples:
  nigh demo
  nigh demo --json | jq .

It needs no files, no network and under ten seconds; what it makes is removed again.")]
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
  nigh index docs/ --memory 1GB --low-priority    beside other work

Articles that have not changed are skipped, changed ones replaced, and those whose file is gone
deleted. Files named in .gitignore, .ignore or .nighignore and hidden files are left out. Stopped
with Ctrl-C or killed, it keeps what it has: the same command goes on from there.")]
pub struct Index {
    /// Files and folders of articles.
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    #[command(flatten)]
    pub on: OnCollection,
    #[command(flatten)]
    pub reading: Reading,
    /// The language of a new collection's words, which says what their stems are, or `other`
    /// [default: that of most of the first articles]
    #[arg(long, value_name = "NAME")]
    pub language: Option<Language>,
    /// What builds graphs from now on [default: as the collection was, or batch]
    #[arg(long, value_enum)]
    pub builder: Option<BuilderArg>,
    /// How much memory to work with, such as 2GB (at least 256MB): graphs are then built over no more
    /// passages at once than that allows, and searches visit more of them [default: no such limit]
    #[arg(long, value_name = "SIZE", value_parser = memory)]
    pub memory: Option<ByteSize>,
    /// Let other programs go first
    #[cfg(unix)]
    #[arg(long)]
    pub low_priority: bool,
}

/// How articles are read, cut and embedded.
#[derive(Debug, Clone, ClapArgs)]
pub struct Reading {
    /// The format of every file, instead of finding it out from name and content
    #[arg(long, value_enum, default_value_t = FormatArg::Auto)]
    pub format: FormatArg,
    /// How to cut articles into passages [default: as the collection was, nigh.toml's, or sentences]
    #[arg(long, value_enum)]
    pub chunk: Option<ChunkArg>,
    /// The most word pieces of a passage [default: 128]
    #[arg(long, value_name = "N")]
    pub chunk_tokens: Option<usize>,
    /// How many sentences of a passage the next one repeats [default: 1]
    #[arg(long, value_name = "N")]
    pub overlap: Option<usize>,
    /// The model: a name that `nigh models` lists, or a folder with an ONNX or a static model [default: the
    /// collection's, nigh.toml's, or builtin]
    #[arg(long, value_name = "NAME|DIR")]
    pub model: Option<String>,
    /// How many threads embed and build [default: one a core]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// The most bytes of one article; a larger one is skipped and named
    #[arg(long, value_name = "N", default_value_t = Limits::USUAL.bytes)]
    pub max_article_bytes: u64,
    /// The most seconds to read one HTML or PDF file, or one row of Parquet; a file that takes longer is skipped
    /// and named
    #[arg(long, value_name = "N", default_value_t = Limits::USUAL.seconds, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub max_article_seconds: u64,
}

/// `nigh export`
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  nigh export passages.parquet                for Spark, DuckDB, pandas or another engine
  nigh export -c books | jq '.passage_id // empty'   JSON lines; the first says what made them
  nigh export - | ssh host nigh import -      into a collection elsewhere

A row is a passage: article, title, path, metadata, byte span, line, text and unit vector; the first of an article has
also its whole text and questions. Parquet where the name ends in .parquet (in a program built with --features
parquet), else JSON lines, of which the first says which model made the vectors.")]
pub struct Export {
    /// The file to write; `-` is standard output.
    #[arg(value_name = "FILE", default_value = "-")]
    pub out: PathBuf,
    #[command(flatten)]
    pub on: OnCollection,
}

/// `nigh import`
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  nigh import passages.parquet -c books       what nigh export or nigh embed wrote
  nigh import old-collection -c new           out of another collection
  nigh embed wiki.jsonl --out - | nigh import - -c wiki

Nothing is embedded. Articles that are there unchanged are left alone, others take the place of those with
their ids, and none is deleted. A collection that is not there is made. Stopped, it keeps what it has: the
same command goes on from there.")]
pub struct Import {
    /// A file that nigh export or nigh embed wrote, `-` for JSON lines on standard input, or a collection.
    #[arg(value_name = "FILE|DIR")]
    pub from: String,
    #[command(flatten)]
    pub on: OnCollection,
    /// How many threads build the graph [default: one a core]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
}

/// `nigh embed`
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  nigh embed corpus.parquet --out vectors.parquet
  nigh embed docs/ --model static | jq -c 'select(.vector) | [.passage_id, .vector]'
  nigh embed - --out - < part.jsonl           a worker: articles in, passages and vectors out

Records are as for nigh index: JSON lines or Parquet rows with a text and as much of _id, title and metadata
as there is, or files of any other format, called as nigh index calls them. What it writes is as for nigh export, and
nigh import takes it. The same articles of the same names give the same bytes. A file that was not finished does not get its name.")]
pub struct Embed {
    /// Files and folders of articles; `-` is standard input, JSON lines unless --format says otherwise.
    #[arg(value_name = "PATH", default_value = "-")]
    pub paths: Vec<PathBuf>,
    /// The file to write, Parquet if it ends so, else JSON lines; `-` is standard output
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub out: PathBuf,
    #[command(flatten)]
    pub reading: Reading,
    /// The language of the articles' words, or `other`
    #[arg(long, value_name = "NAME", default_value = "english")]
    pub language: Language,
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

/// `nigh delete`
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  nigh delete docs/tides.txt
  nigh delete -c books one.md two.md

Ids are those that search and --json show. What is deleted is found no more at once; its
vectors take space until `nigh compact`.")]
pub struct Delete {
    /// Article ids.
    #[arg(required = true, value_name = "ID")]
    pub ids: Vec<String>,
    #[command(flatten)]
    pub on: OnCollection,
}

/// `nigh check`
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  nigh check
  nigh check --repair -c books

Every file is compared with its checksums, every passage with its article, and every vector is reached in
its graph. --repair builds again what is damaged: graphs from vectors, vectors and the words' index from
the texts, with the collection's own model. Only an article whose own text, or the list of what was deleted
beside it, is damaged is lost; it is named, and indexing its source puts it back. Exit codes: 0 sound; 1 something is damaged, or was lost.")]
pub struct Check {
    #[command(flatten)]
    pub on: OnCollection,
    /// Build again what is damaged, from what is not
    #[arg(long)]
    pub repair: bool,
    /// How many threads embed and build graphs [default: one a core]
    #[arg(long, value_name = "N", requires = "repair")]
    pub threads: Option<usize>,
}

/// `nigh compact`
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  nigh compact
  nigh compact -c books --threads 4")]
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

/// With less there is hardly room for the model.
const LEAST_MEMORY: ByteSize = ByteSize::mb(256);

fn memory(text: &str) -> Result<ByteSize, String> {
    match text.parse::<ByteSize>() {
        Ok(size) if size >= LEAST_MEMORY => Ok(size),
        Ok(size) => Err(format!("expected at least {}, found {}", LEAST_MEMORY.display().si(), size.display().si())),
        Err(_) => Err("expected a size such as 512MB or 2GB".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collection_named_on_the_command_line_is_told_from_a_default() {
        let names = |words: &[&str]| match Args::of(words).unwrap().command {
            Command::Eval(eval) => eval.names_collection,
            other => panic!("{other:?}"),
        };
        assert!(names(&["nigh", "eval", "--qa", "-c", "books"]));
        assert!(!names(&["nigh", "eval", "--qa"]));
        Args::command().debug_assert();
    }
}
