//! `nigh run`

use super::{ask_all, embedder_for};
use crate::Outcome;
use crate::args;
use crate::config::Config;
use crate::output::Output;
use crate::text::counted;
use anyhow::{Context, bail};
use ingest::embed::Workload;
use query::{By, Mode, Options, trec};
use serde::Deserialize;
use serde_json::json;
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;
use store::Collection;

/// A line of a queries file.
#[derive(Deserialize)]
struct Query {
    #[serde(rename = "_id", alias = "id", deserialize_with = "text_or_number")]
    id: String,
    text: String,
}

fn text_or_number<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::String(text) => Ok(text),
        serde_json::Value::Number(number) => Ok(number.to_string()),
        other => Err(serde::de::Error::custom(format_args!("expected a string as _id, found {other}"))),
    }
}

pub fn run(args: &args::Run, config: &Config, output: &mut Output) -> anyhow::Result<Outcome> {
    let begun = Instant::now();
    let location = config.collection(&args.on);
    let mode = args.how.mode.or(config.mode).map_or(Mode::Hybrid, Into::into);
    let options = Options { k: args.k as usize, mode, exact: args.how.exact, by: args.by.into() };
    let queries = read_queries(&args.queries)?;
    let collection = store::open(&location)?;
    let threads = config.threads(args.threads).min(queries.len().max(1));
    let embedder = embedder_for(&*collection, mode, Workload::Passages)?;
    let rankings = ask_all(&*collection, embedder, threads, &queries, |searcher, query| {
        let vector = if mode == Mode::Lexical { None } else { Some(searcher.embed(&query.text)?.vector) };
        let names = searcher.names(&query.text, vector.as_deref(), &options);
        names.with_context(|| format!("question {:?}", query.id))
    })?;
    let name = format!("nigh-{}", mode.name());
    let mut out = Pending::create(&args.out)?;
    for (query, ranking) in queries.iter().zip(&rankings) {
        trec::write_ranking(&mut out.file, &query.id, ranking, &name)
            .with_context(|| args.out.display().to_string())?;
    }
    out.finish(&args.out)?;
    let seconds = begun.elapsed().as_secs_f64();
    let manifest = manifest(&*collection, &location, args, &options, queries.len(), seconds);
    let beside = beside(&args.out);
    std::fs::write(&beside, serde_json::to_string_pretty(&manifest)? + "\n")
        .with_context(|| beside.display().to_string())?;
    let results: usize = rankings.iter().map(Vec::len).sum();
    if output.is_json() {
        output.json(&json!({ "run": args.out, "queries": queries.len(), "results": results, "seconds": seconds, "manifest": manifest }))?;
    } else {
        output.line(format_args!(
            "{}: {} for {}, {:.0} questions/s",
            args.out.display(),
            counted(results, "result"),
            counted(queries.len(), "question"),
            queries.len() as f64 / seconds.max(1e-9)
        ))?;
        output.line(format_args!("{}: how they were made", beside.display()))?;
    }
    Ok(Outcome::Done)
}

fn read_queries(path: &Path) -> anyhow::Result<Vec<Query>> {
    let file = File::open(path).with_context(|| path.display().to_string())?;
    let (mut queries, mut lines) = (Vec::<Query>::new(), HashMap::new());
    for (number, line) in (1..).zip(BufReader::new(file).lines()) {
        let place = || format!("{}:{number}", path.display());
        let line = line.with_context(place)?;
        if line.trim().is_empty() {
            continue;
        }
        let query: Query = serde_json::from_str(&line)
            .with_context(|| format!("{}: expected {{\"_id\": …, \"text\": …}}", place()))?;
        if query.text.trim().is_empty() {
            bail!("{}: the question {:?} is empty", place(), query.id);
        }
        if let Some(first) = lines.insert(query.id.clone(), number) {
            bail!("{}: the id {:?} is on line {first} already; ids must differ", place(), query.id);
        }
        queries.push(query);
    }
    if queries.is_empty() {
        bail!("{}: no questions in it", path.display());
    }
    Ok(queries)
}

/// The run file under a temporary name, until it is whole.
struct Pending {
    file: BufWriter<File>,
    temporary: PathBuf,
}

impl Pending {
    fn create(path: &Path) -> anyhow::Result<Self> {
        let mut name = path.as_os_str().to_owned();
        name.push(".unfinished");
        let temporary = PathBuf::from(name);
        let file = File::create(&temporary).with_context(|| temporary.display().to_string())?;
        Ok(Self { file: BufWriter::new(file), temporary })
    }

    fn finish(&mut self, path: &Path) -> anyhow::Result<()> {
        self.file
            .flush()
            .and_then(|()| std::fs::rename(&self.temporary, path))
            .with_context(|| path.display().to_string())
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        // Gone already if it was finished.
        let _ = std::fs::remove_file(&self.temporary);
    }
}

fn beside(run: &Path) -> PathBuf {
    let mut name = run.as_os_str().to_owned();
    name.push(".manifest.json");
    PathBuf::from(name)
}

fn manifest(
    collection: &dyn Collection,
    location: &str,
    args: &args::Run,
    options: &Options,
    queries: usize,
    seconds: f64,
) -> serde_json::Value {
    let manifest = collection.manifest();
    let by = match options.by {
        By::Passage => "passage",
        By::Article => "article",
    };
    json!({
        "program": concat!("nigh ", env!("CARGO_PKG_VERSION")),
        "collection": location,
        "passages": manifest.rows(),
        "segments": manifest.segments,
        "model": manifest.model,
        "chunking": manifest.chunking,
        "graph": manifest.graph,
        "queries": args.queries,
        "questions": queries,
        "mode": options.mode,
        "exact": options.exact,
        "by": by,
        "k": options.k,
        "seconds": seconds,
        "machine": { "os": std::env::consts::OS, "arch": std::env::consts::ARCH, "cores": crate::config::cores() },
    })
}
