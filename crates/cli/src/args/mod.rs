//! Command-line arguments: one struct per command.

mod bench;
mod judging;
mod ranking;
mod serving;
mod values;

pub use bench::{Bench, BenchEmbed, BenchRecall, BenchSearch, BenchWhat};
pub use judging::{Eval, Tune};
pub use ranking::{Ranking, SearchOptions};
pub use serving::{Key, KeyWhat, Mcp, Serve};
pub use values::{
    ArticleScoreArg, BuilderArg, ByArg, ChunkArg, FirstPassArg, FormatArg, FusionArg, LevelArg,
    ModeArg,
};

use bytesize::ByteSize;
use clap::parser::ValueSource;
use clap::{Args as ClapArgs, CommandFactory, FromArgMatches, Parser, Subcommand};
use clap_complete::Shell;
use ingest::read::Limits;
use ranking::parse_unit_interval;
use std::ffi::OsString;
use std::path::PathBuf;
use store::Language;

/// Search your own documents by meaning. Index files and folders, ask questions in your own words,
/// and get the passages that answer them, with their scores and locations.
#[derive(Debug, Parser)]
#[command(
    name = "nigh",
    version,
    after_help = "Examples:
  nigh demo                                    try it on built-in articles
  nigh index docs/ notes.md                    create or update the collection .nigh
  nigh search \"how do I cancel my order\"       search it
  nigh search -c books -k 3 --json \"…\" | jq    use it in scripts

Defaults come from NIGH_COLLECTION, and from nigh.toml in this folder or the nearest parent that
has one. Exit codes: 0 success; 1 partial success; 2 error."
)]
pub struct Args {
    /// The command to run.
    #[command(subcommand)]
    pub command: Command,
    /// Print a single JSON document instead of text
    #[arg(long, global = true)]
    pub json: bool,
}

impl Args {
    /// Parses arguments. The first word is the program's name.
    ///
    /// # Errors
    /// When they are invalid, or ask for help or the version.
    pub fn from_words(
        words: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    ) -> Result<Self, clap::Error> {
        let mut command = Self::command();
        let matches = command.try_get_matches_from_mut(words)?;
        let mut args =
            Self::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
        if let (Command::Eval(eval), Some((_, matches))) = (&mut args.command, matches.subcommand())
        {
            eval.has_collection_flag =
                matches.value_source("collection") == Some(ValueSource::CommandLine);
        }
        Ok(args)
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Index built-in articles, ask paraphrased questions, and evaluate the answers
    Demo(Demo),
    /// Create a collection of articles, or update it
    Index(Index),
    /// Search a collection
    Search(Search),
    /// Run a file of queries and write a TREC run file
    Run(Run),
    /// Evaluate search quality on queries with known answers
    Eval(Eval),
    /// Tune the fusion of semantic and lexical scores on your own queries
    Tune(Tune),
    /// Serve collections over HTTP, with a web page
    Serve(Serve),
    /// Serve collections to an assistant over the Model Context Protocol
    Mcp(Mcp),
    /// Manage API keys
    Key(Key),
    /// Show the contents of a collection
    #[command(after_help = "Examples:
  nigh stats
  nigh stats -c books --json | jq .passages")]
    Stats(CollectionArg),
    /// Verify a collection, and repair it with --repair
    Check(Check),
    /// Delete articles from a collection
    Delete(Delete),
    /// Reclaim the space of deleted articles and merge all segments into one
    Compact(Compact),
    /// Export a collection's passages and vectors to a file
    Export(Export),
    /// Import articles with their vectors into a collection
    Import(Import),
    /// Chunk and embed articles into a file, without a collection
    Embed(Embed),
    /// Read files in a sandboxed worker process (internal)
    #[command(name = "read-apart", hide = true)]
    ReadWorker,
    /// List the available models, or check one in a folder
    #[command(after_help = "Examples:
  nigh models
  nigh models --json | jq -r '.[].name'
  nigh models check my-model")]
    Models(Models),
    /// Run benchmarks
    Bench(Bench),
    /// Print a completion script for a shell
    Completions(Completions),
    /// Print a manual page
    Man(Man),
}

/// Names the collection.
#[derive(Debug, Clone, ClapArgs)]
pub struct CollectionArg {
    /// Use the collection at DIR [default: .nigh]
    #[arg(short, long, value_name = "DIR", env = "NIGH_COLLECTION")]
    pub collection: Option<OsString>,
}

/// `nigh demo`
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  nigh demo
  nigh demo --json | jq .

Needs no files and no network, and takes a few seconds. Temporary files are removed.")]
pub struct Demo {
    /// Embed on N threads [default: number of cores]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
}

/// `nigh index`
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  nigh index docs/                         all articles under docs/
  nigh index docs/ a.pdf -c books          into the collection `books`
  nigh index faq.txt --format qa           a summary line, then alternating questions and answers
  nigh index wiki/ --chunk markdown        split at headings
  nigh index beir/scifact --chunk whole    one passage per article, as in published results
  nigh index docs/ --memory 1GB --low-priority    in the background

Unchanged articles are skipped, changed ones replaced, and those whose file no longer exists are
deleted. Hidden files and those listed in .gitignore, .ignore or .nighignore are left out. When
interrupted with Ctrl-C or killed, finished work is kept, and the same command resumes.")]
pub struct Index {
    /// Files and folders to index.
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    #[command(flatten)]
    pub target: CollectionArg,
    #[command(flatten)]
    pub reading: Reading,
    /// Use the stemmer of this language, or `other` for none. Only for new collections [default:
    /// detected from the first articles]
    #[arg(long, value_name = "NAME")]
    pub language: Option<Language>,
    /// Build graphs with this builder from now on [default: the collection's own, or batch]
    #[arg(long, value_enum)]
    pub builder: Option<BuilderArg>,
    /// Use at most SIZE of memory, such as 2GB (at least 256MB). Lower limits make more segments
    /// and slower searches [default: unlimited]
    #[arg(long, value_name = "SIZE", value_parser = parse_memory)]
    pub memory: Option<ByteSize>,
    /// Delete the articles of missing files even if nearly all files of a folder are missing.
    /// Otherwise such articles are kept, because a disk may not be mounted
    #[arg(long)]
    pub allow_deletes: bool,
    /// Run at the lowest scheduling priority
    #[cfg(unix)]
    #[arg(long)]
    pub low_priority: bool,
}

/// How to read, chunk and embed articles.
#[derive(Debug, Clone, ClapArgs)]
pub struct Reading {
    /// Read all files in this format instead of detecting it
    #[arg(long, value_enum, default_value_t = FormatArg::Auto)]
    pub format: FormatArg,
    /// Split articles into passages with this strategy [default: the collection's own,
    /// nigh.toml's, or sentences]
    #[arg(long, value_enum)]
    pub chunk: Option<ChunkArg>,
    /// Limit passages to N tokens [default: 128]
    #[arg(long, value_name = "N")]
    pub chunk_tokens: Option<usize>,
    /// Repeat the last N sentences of a passage in the next one [default: 1]
    #[arg(long, value_name = "N")]
    pub overlap: Option<usize>,
    /// Embed with this model: a name from `nigh models`, or a folder with a model
    /// [default: the collection's own, nigh.toml's, or builtin]
    #[arg(long, value_name = "NAME|DIR")]
    pub model: Option<String>,
    /// Embed and build graphs on N threads [default: number of cores]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// Skip articles of more than N bytes
    #[arg(long, value_name = "N", default_value_t = Limits::DEFAULT.bytes)]
    pub max_article_bytes: u64,
    /// Skip files that take more than N seconds to read: a whole HTML or PDF file, or one row of
    /// Parquet
    #[arg(long, value_name = "N", default_value_t = Limits::DEFAULT.seconds, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub max_article_seconds: u64,
}

/// `nigh export`
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  nigh export passages.parquet                for Spark, DuckDB, pandas or another engine
  nigh export -c books | jq '.passage_id // empty'   JSON Lines; the first line is a header
  nigh export - | ssh host nigh import -      to another machine

Each row is a passage: article, title, path, metadata, byte span, line, text and unit vector. The first passage of an
article also has its whole text and questions. The format is Parquet if the name ends in .parquet (in a build with
--features parquet), otherwise JSON Lines; its first line names the model that made the vectors.")]
pub struct Export {
    /// Write to FILE; `-` is standard output.
    #[arg(value_name = "FILE", default_value = "-")]
    pub out: PathBuf,
    #[command(flatten)]
    pub target: CollectionArg,
}

/// `nigh import`
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  nigh import passages.parquet -c books       a file from nigh export or nigh embed
  nigh import old-collection -c new           from another collection
  nigh embed wiki.jsonl --out - | nigh import - -c wiki

Nothing is embedded. Unchanged articles are left alone, others replace those with the same ids, and none is
deleted. The collection is created if it does not exist. When interrupted, finished work is kept, and the
same command resumes.")]
pub struct Import {
    /// Read a file written by nigh export or nigh embed, `-` for JSON Lines on standard input, or
    /// another collection.
    #[arg(value_name = "FILE|DIR")]
    pub from: OsString,
    #[command(flatten)]
    pub target: CollectionArg,
    /// If the rows do not state their model, chunking and language, take these from the export or
    /// the collection that the rows come from
    #[arg(long, value_name = "FILE|DIR")]
    pub header: Option<OsString>,
    /// Build the graph on N threads [default: number of cores]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
}

/// `nigh embed`
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  nigh embed corpus.parquet --out vectors.parquet
  nigh embed docs/ --model static | jq -c 'select(.vector) | [.passage_id, .vector]'
  nigh embed - --out - < part.jsonl           as a worker: articles in, passages and vectors out

The input is that of nigh index: JSON Lines or Parquet rows with text and, optionally, _id, title and metadata, or
files of any other format. The output is that of nigh export, and nigh import reads it. The same articles with the
same names give the same bytes. The output file appears under its name only when it is complete.")]
pub struct Embed {
    /// Files and folders to embed. `-` reads standard input, as JSON Lines unless --format is
    /// given.
    #[arg(value_name = "PATH", default_value = "-")]
    pub paths: Vec<PathBuf>,
    /// Write to FILE, as Parquet if its name ends in .parquet, otherwise as JSON Lines; `-` is
    /// standard output
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub out: PathBuf,
    #[command(flatten)]
    pub reading: Reading,
    /// Record this language for the lexical index, or `other` for none
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
  nigh search - < questions.txt            one question per line
  nigh search --json \"…\" | jq -r '.hits[0].text'

Filters combine FIELD:VALUE with AND, OR, NOT and parentheses. FIELD is a metadata field, id, path
or title. VALUE is one of:
  word, \"two words\"   equal, ignoring case; * and ? are wildcards
                      (in paths, * stops at / and ** does not)
  *                   any value
  >X, >=X, <X, <=X    a comparison
  [LOW TO HIGH]       a range; * leaves an end open, and { } exclude the bounds
Dates match by prefix: date:2025-06 is all of June. A list matches if one of its values does.

Near-duplicates of a passage in other articles are listed under the best one.")]
pub struct Search {
    /// The question, in your own words. `-` reads questions from standard input, one per line.
    #[arg(value_name = "QUESTION")]
    pub question: String,
    #[command(flatten)]
    pub target: CollectionArg,
    /// Show the best N hits [default: 10]
    #[arg(short, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub k: Option<u32>,
    #[command(flatten)]
    pub search: SearchOptions,
    /// Rank passages, or articles by their passages
    #[arg(long, value_enum, default_value_t = ByArg::Passage)]
    pub by: ByArg,
    /// Show the N passages before and after each hit
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=100))]
    pub around: u32,
    /// List near-duplicate passages as separate hits
    #[arg(long)]
    pub copies: bool,
    /// Diversify the hits; W, from 0 to 1, is the weight of diversity against relevance [default:
    /// 0.3]
    #[arg(long, value_name = "W", num_args = 0..=1, require_equals = true, default_missing_value = "0.3", value_parser = parse_unit_interval)]
    pub diverse: Option<f32>,
    /// Explain the scores, and underline the sentence that answers best
    #[arg(long)]
    pub explain: bool,
}

/// `nigh run`
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  nigh run --queries queries.jsonl --out bm25.trec --mode lexical
  nigh run -c scifact --queries scifact/queries.jsonl --out dense.trec --mode dense --exact

Queries are JSON Lines with `_id` and `text`. The run ranks articles, each by its best passage;
--by passage ranks passages. A manifest with the model, parameters and versions is written to
RUN.manifest.json.")]
pub struct Run {
    #[command(flatten)]
    pub target: CollectionArg,
    /// Read queries from FILE: JSON Lines with `_id` and `text`
    #[arg(long, value_name = "FILE")]
    pub queries: PathBuf,
    /// Write the run to FILE
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Rank N results per query
    #[arg(short, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub k: u32,
    #[command(flatten)]
    pub search: SearchOptions,
    /// Rank passages, or articles by their passages
    #[arg(long, value_enum, default_value_t = ByArg::Article)]
    pub by: ByArg,
    /// Search on N threads [default: number of cores]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
}

/// `nigh delete`
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  nigh delete docs/tides.txt
  nigh delete -c books one.md two.md

Search results show the ids. Deleted articles are no longer found; their vectors take up space until
`nigh compact`.")]
pub struct Delete {
    /// Ids of the articles to delete.
    #[arg(required = true, value_name = "ID")]
    pub ids: Vec<String>,
    #[command(flatten)]
    pub target: CollectionArg,
}

/// `nigh check`
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  nigh check
  nigh check --repair -c books

Verifies the checksums of all files, that every passage occurs in its article, and that every vector can be
reached in its graph. --repair rebuilds what is damaged: graphs from vectors; vectors and the lexical index from the
texts, with the collection's own model. An article is lost only if its text, or the list of deletions stored
with it, is damaged. Lost articles are named; index their sources again to restore them.
Exit codes: 0 sound; 1 damaged, or something was lost; 2 error.")]
pub struct Check {
    #[command(flatten)]
    pub target: CollectionArg,
    /// Rebuild what is damaged from what is intact
    #[arg(long)]
    pub repair: bool,
    /// Embed and build graphs on N threads [default: number of cores]
    #[arg(long, value_name = "N", requires = "repair")]
    pub threads: Option<usize>,
}

/// `nigh models`
#[derive(Debug, ClapArgs)]
pub struct Models {
    /// Do this instead of listing all models
    #[command(subcommand)]
    pub what: Option<ModelsWhat>,
}

/// The commands of `nigh models`.
#[derive(Debug, Subcommand)]
pub enum ModelsWhat {
    /// Read a model from a folder with model.safetensors, and compare its quantized vectors with
    /// those in f32
    #[command(after_help = "Examples:
  nigh models check my-model
  nigh models check my-model --json | jq .cosine

The model is run on sample texts. Its weights are quantized as far as the cosine to the vectors in
f32 is at least .998 on average and .99 for every text. Anything in the folder that nigh does not
support is an error.")]
    Check {
        /// The folder, in the layout of sentence-transformers.
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
}

/// `nigh compact`
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  nigh compact
  nigh compact -c books --threads 4")]
pub struct Compact {
    #[command(flatten)]
    pub target: CollectionArg,
    /// Build graphs with this builder, now and from now on [default: the collection's own]
    #[arg(long, value_enum)]
    pub builder: Option<BuilderArg>,
    /// Build the graph on N threads [default: number of cores]
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
    /// The command to describe [default: the whole program]
    #[arg(value_name = "COMMAND")]
    pub of: Option<String>,
}

/// The models alone need about this much.
const MIN_MEMORY: ByteSize = ByteSize::mb(256);

fn parse_memory(text: &str) -> Result<ByteSize, String> {
    match text.parse::<ByteSize>() {
        Ok(size) if size >= MIN_MEMORY => Ok(size),
        Ok(size) => Err(format!(
            "expected at least {}, found {}",
            MIN_MEMORY.display().si(),
            size.display().si()
        )),
        Err(_) => Err("expected a size such as 512MB or 2GB".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn collection_on_the_command_line_differs_from_a_default() {
        let names = |words: &[&str]| match Args::from_words(words).unwrap().command {
            Command::Eval(eval) => eval.has_collection_flag,
            other => panic!("{other:?}"),
        };
        assert!(names(&["nigh", "eval", "--qa", "-c", "books"]));
        assert!(!names(&["nigh", "eval", "--qa"]));
        Args::command().debug_assert();
    }
}
