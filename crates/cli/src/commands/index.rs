//! `nigh index`

use super::{omissions, passages_cut, print_left, stop};
use crate::Outcome;
use crate::args;
use crate::config::Config;
use crate::output::{Output, style, styled};
use crate::progress::Bars;
use anyhow::{Context, bail};
use engine::Names;
use engine::articles::{self, Job, Report, Survey};
use engine::text::counted;
use ingest::embed;
use ingest::pipeline::Plan;
use ingest::{Chunking, Embedder, Format};
use notes::{Code, Note};
use std::path::PathBuf;
use store::{Collection, Language, Manifest};

/// As nice as a process can be.
#[cfg(unix)]
const LEAST_URGENT: i32 = 19;

pub fn run(args: &args::Index, config: &Config, output: &mut Output) -> anyhow::Result<Outcome> {
    #[cfg(unix)]
    if args.low_priority {
        rustix::process::nice(LEAST_URGENT)?;
    }
    let location = config.collection(&args.on);
    let roots = canonical(&args.paths)?;
    let names = Names::new(&location);
    let exists = store::exists(&location)?;
    let existing = if exists { Some(store::open(&location)?) } else { None };
    let mut plan = plan(&args.reading, config, existing.as_deref())?;
    if let Some(memory) = args.memory {
        plan = plan.within(memory.as_u64());
    }
    if let (Some(asked), Some(was)) = (args.language, existing.as_deref().map(|was| was.manifest().language))
        && asked != was
    {
        bail!("the words of this collection are {was}, not {asked}. Make a new collection with -c for it");
    }
    let job = Job {
        roots: &roots,
        format: args.reading.format.format(),
        plan,
        names: &names,
        builder: args.builder.map(Into::into),
        delete_vanished: true,
    };
    let survey = Survey::new(&job);
    if let Some(omitted) = survey.nothing_to_read(&job) {
        let kept = existing.map_or("", |_| ". The collection stays as it is; `nigh delete` removes articles from it");
        let paths = args.paths.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(", ");
        let what = omissions(&omitted).unwrap_or_else(|| "no files".to_owned());
        bail!("nothing to index in {paths}: {what}. Formats read are {}{kept}", Format::ALL);
    }
    if let Some(collection) = existing.as_deref().filter(|was| names_its_model(&args.reading, was.manifest()))
        && let Some(report) = articles::nothing_to_do(collection, &job, &survey, &Bars::default())
    {
        said(output, &location, collection, &report)?;
        return Ok(Outcome::Done);
    }
    let embedder = model(&args.reading, config, existing.as_deref())?;
    let mut collection = match existing {
        Some(collection) => collection,
        None => {
            let language = args.language.unwrap_or_else(|| articles::language(&job, &survey));
            store::create(&location, embedder.model().clone(), plan.chunking, index::Params::default(), language)?
        }
    };
    stop::on_ctrl_c("\nfinishing what is under way and saving it; Ctrl-C again stops at once")?;
    let report = articles::index(&mut *collection, embedder, &job, &survey, &Bars::default())?;
    said(output, &location, &*collection, &report)?;
    Ok(if report.omitted.skipped.failures == 0 && !report.interrupted { Outcome::Done } else { Outcome::Less })
}

/// Whether the collection's own model is what is asked for, by its name.
fn names_its_model(args: &args::Reading, manifest: &Manifest) -> bool {
    args.model.as_ref().is_none_or(|name| embed::full_name(name) == embed::full_name(&manifest.model.name))
}

/// Of a collection from before the built-in model had its own engine.
const EARLIER: &str = "its vectors were made by an earlier engine of the same model; new ones stand beside them, and both \
    find the same (their cosine is .998 at least). To have all of one engine, index into a new collection with -c";

fn said(output: &mut Output, location: &str, collection: &dyn Collection, report: &Report) -> anyhow::Result<()> {
    let model = &collection.manifest().model;
    let earlier = model.is_earlier().then(|| Note::new(Code::EarlierEngine, EARLIER));
    let cut = passages_cut(model.window, report.cut, report.pieces_cut);
    if output.is_json() {
        let mut document = document(location, collection, report);
        let notes = report.omitted.skipped.notes.iter().chain(&cut).chain(&earlier).collect::<Vec<_>>();
        if !notes.is_empty() {
            document["notes"] = serde_json::to_value(notes)?;
        }
        return Ok(output.json(&document)?);
    }
    print(output, location, collection, report, cut.as_ref())?;
    if let Some(note) = earlier {
        output.line(format_args!("note: {note}"))?;
    }
    Ok(())
}

pub fn canonical(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    paths.iter().map(|path| path.canonicalize().with_context(|| path.display().to_string())).collect()
}

/// How to cut and embed.
pub fn plan(args: &args::Reading, config: &Config, existing: Option<&dyn Collection>) -> anyhow::Result<Plan> {
    let mut plan = Plan::new(chunking(args, config, existing)?, config.threads(args.threads));
    plan.limits.bytes = args.max_article_bytes;
    plan.limits.seconds = args.max_article_seconds;
    Ok(plan)
}

/// How to cut: what the flags say, else the file, else as the collection was, else the default.
fn chunking(args: &args::Reading, config: &Config, existing: Option<&dyn Collection>) -> anyhow::Result<Chunking> {
    let was = existing.map_or_else(Chunking::default, |collection| collection.manifest().chunking);
    let chunking = Chunking {
        strategy: args.chunk.or(config.chunk).map_or(was.strategy, Into::into),
        tokens: args.chunk_tokens.or(config.chunk_tokens).unwrap_or(was.tokens),
        overlap: args.overlap.or(config.overlap).unwrap_or(was.overlap),
    };
    if chunking.tokens < Chunking::LEAST_TOKENS {
        bail!(
            "passages of {} word pieces (--chunk-tokens, or chunk_tokens in nigh.toml): expected {} or more",
            chunking.tokens,
            Chunking::LEAST_TOKENS
        );
    }
    Ok(chunking)
}

/// The model: the flag's, else the collection's, else the file's, else the built-in one. A
/// collection has one model for good.
pub fn model(
    args: &args::Reading,
    config: &Config,
    existing: Option<&dyn Collection>,
) -> anyhow::Result<Box<dyn Embedder>> {
    let was = existing.map(|collection| &collection.manifest().model);
    let name = args.model.as_deref().or(was.map(|model| model.name.as_str())).or(config.model.as_deref());
    let embedder = embed::load(name.unwrap_or(embed::builtin::ALIAS))?;
    if let Some(was) = was.filter(|was| !was.agrees_with(embedder.model())) {
        bail!(
            "the collection was made with the model {:?} ({}), and {:?} is another ({}). Make a new collection with -c for it",
            was.name,
            was.hash,
            embedder.model().name,
            embedder.model().hash,
        );
    }
    Ok(embedder)
}

fn document(location: &str, collection: &dyn Collection, report: &Report) -> serde_json::Value {
    let manifest = collection.manifest();
    let mut document = serde_json::to_value(report).unwrap_or_default();
    document["collection"] = location.into();
    document["model"] = manifest.model.name.clone().into();
    document["chunking"] = manifest.chunking.to_string().into();
    document["language"] = manifest.language.to_string().into();
    document
}

fn print(
    output: &mut Output,
    location: &str,
    collection: &dyn Collection,
    report: &Report,
    cut: Option<&Note>,
) -> anyhow::Result<()> {
    let strong = |text: String| styled(style::STRONG, text);
    output.line(format_args!(
        "{}: {} added, {} updated, {} unchanged, {} deleted",
        strong(counted(report.articles, "article")),
        report.added,
        report.updated,
        report.unchanged,
        report.deleted
    ))?;
    if report.passages > 0 {
        let reused = report.passages.saturating_sub(report.embedded);
        let reused = if reused > 0 {
            format!(" ({} had a vector already)", indicatif::HumanCount(reused as u64))
        } else {
            String::new()
        };
        output.line(format_args!(
            "{}{reused}, {} in {:.1} s: {:.0} passages/s",
            strong(counted(report.passages, "passage")),
            counted(report.pieces, "word piece"),
            report.seconds,
            report.passages_per_second
        ))?;
    }
    if let Some(cut) = cut {
        output.line(format_args!("{}: {cut}", styled(style::BAD, "cut")))?;
    }
    if let Some(what) = omissions(&report.omitted) {
        output.line(format_args!("left out: {what}. --json names them"))?;
    }
    print_left(output, &report.omitted.skipped, report.interrupted)?;
    let language = match collection.manifest().language {
        Language::English => String::new(),
        Language::Other => " whose words are looked for as they stand".to_owned(),
        language => format!(" in {}", language.titled()),
    };
    let holds = format!("{location} holds {}{language}", counted(collection.stats()?.passages, "passage"));
    output.line(format_args!(
        "{holds}. Ask it: nigh search{} \"…\"",
        if location == ".nigh" { String::new() } else { format!(" -c {location}") }
    ))?;
    Ok(())
}
