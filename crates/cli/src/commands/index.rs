//! `nigh index`

use super::{graph_builder, interrupt, omissions, print_incomplete, read_worker, truncation_note};
use crate::Outcome;
use crate::args;
use crate::config::{Config, DEFAULT_COLLECTION};
use crate::output::{Output, style, styled};
use crate::output_file::STDIO;
use crate::progress::ProgressBars;
use anyhow::{Context, bail};
use engine::PathNamer;
use engine::indexing::{self, Deletions, IndexJob, IndexReport, Scan};
use engine::text::pluralize;
use ingest::embed;
use ingest::pipeline::PipelineOptions;
use ingest::{Chunking, Embedder, Format};
use notes::{Code, Note};
use std::path::{Path, PathBuf};
use store::{Collection, Language, Location, Manifest};

/// The lowest scheduling priority.
#[cfg(unix)]
const MAX_NICENESS: i32 = 19;

pub fn run(args: &args::Index, config: &Config, output: &mut Output) -> anyhow::Result<Outcome> {
    #[cfg(unix)]
    if args.low_priority {
        rustix::process::nice(MAX_NICENESS)?;
    }
    let location = config.collection(&args.target)?;
    let builder = graph_builder(args.builder, &location)?;
    let roots = canonicalize(&args.paths)?;
    let exists = store::exists(&location)?;
    let existing = if exists {
        Some(store::open(&location)?)
    } else {
        None
    };
    let names = match existing.as_deref() {
        Some(existing) => PathNamer::for_indexing(existing, &location)?,
        None => PathNamer::new(&location),
    };
    let mut plan = pipeline_plan(&args.reading, config, existing.as_deref())?;
    if let Some(memory) = args.memory {
        plan = plan.with_memory_budget(memory.as_u64());
    }
    if let (Some(requested), Some(current)) = (
        args.language,
        existing
            .as_deref()
            .map(|existing| existing.manifest().language),
    ) && requested != current
    {
        bail!(
            "the language of this collection is {current}, not {requested}. Make a new collection with -c for it"
        );
    }
    let job = IndexJob {
        roots: &roots,
        format: args.reading.format.format(),
        plan,
        names: &names,
        builder,
        deletions: if args.allow_deletes {
            Deletions::Always
        } else {
            Deletions::Plausible
        },
    };
    let scan = Scan::new(&job);
    if let Some(omitted) = scan.omitted_if_empty(&job) {
        let kept = existing.map_or(
            "",
            |_| ". The collection stays as it is; `nigh delete` removes articles",
        );
        let paths = args
            .paths
            .iter()
            .map(|p| p.display().to_string())
            .collect::<Vec<_>>()
            .join(", ");
        let what = omissions(&omitted).unwrap_or_else(|| "no files".to_owned());
        bail!(
            "nothing to index in {paths}: {what}. Formats read are {}{kept}",
            Format::ALL
        );
    }
    if let Some(collection) = existing
        .as_deref()
        .filter(|existing| is_same_model(&args.reading, existing.manifest()))
        && let Some(report) =
            indexing::report_if_unchanged(collection, &job, &scan, &ProgressBars::default())
    {
        print_report(output, &location, collection, &report)?;
        return Ok(Outcome::Done);
    }
    let embedder = load_model(&args.reading, config, existing.as_deref())?;
    let mut collection = match existing {
        Some(collection) => collection,
        None => {
            let language = args
                .language
                .unwrap_or_else(|| indexing::detect_language(&job, &scan));
            store::create(
                &location,
                embedder.model().clone(),
                job.plan.chunking,
                index::Params::default(),
                language,
            )?
        }
    };
    interrupt::on_ctrl_c(
        "\nfinishing what is under way and saving it; press Ctrl-C again to stop at once",
    )?;
    let report = indexing::index(
        &mut *collection,
        embedder,
        &job,
        &scan,
        &ProgressBars::default(),
    )?;
    print_report(output, &location, &*collection, &report)?;
    Ok(
        if report.omitted.skipped.failures == 0 && report.kept == 0 && !report.interrupted {
            Outcome::Done
        } else {
            Outcome::Partial
        },
    )
}

/// Whether the requested model, by name, is the collection's own.
fn is_same_model(args: &args::Reading, manifest: &Manifest) -> bool {
    args.model.as_ref().is_none_or(|name| {
        embed::canonical_name(name) == embed::canonical_name(&manifest.model.name)
    })
}

/// For collections made before the built-in model had its own engine.
const EARLIER_ENGINE: &str = "some vectors were made by an earlier engine of the same model; they are compatible with new ones \
    (cosine at least .998). For vectors of one engine alone, index into a new collection with -c";

fn print_report(
    output: &mut Output,
    location: &Location,
    collection: &dyn Collection,
    report: &IndexReport,
) -> anyhow::Result<()> {
    let model = &collection.manifest().model;
    let earlier = model
        .is_earlier_version()
        .then(|| Note::new(Code::EarlierEngine, EARLIER_ENGINE));
    let truncation = truncation_note(model.window, report.truncated, report.tokens_truncated);
    if output.is_json() {
        let mut document = to_json(location, collection, report);
        let notes = report
            .omitted
            .skipped
            .notes
            .iter()
            .chain(&truncation)
            .chain(&earlier)
            .collect::<Vec<_>>();
        if !notes.is_empty() {
            document["notes"] = serde_json::to_value(notes)?;
        }
        return Ok(output.json(&document)?);
    }
    print_text(output, location, collection, report, truncation.as_ref())?;
    if let Some(note) = earlier {
        output.line(format_args!("note: {note}"))?;
    }
    Ok(())
}

pub fn canonicalize(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    if paths.iter().any(|path| path == Path::new(STDIO)) {
        bail!(
            "nigh index does not read standard input (-), which has no files to compare with later; use nigh embed - | nigh import -"
        );
    }
    paths
        .iter()
        .map(|path| {
            path.canonicalize()
                .with_context(|| path.display().to_string())
        })
        .collect()
}

/// The options for chunking and embedding.
pub fn pipeline_plan(
    args: &args::Reading,
    config: &Config,
    existing: Option<&dyn Collection>,
) -> anyhow::Result<PipelineOptions> {
    let mut plan = PipelineOptions::new(
        chunking(args, config, existing)?,
        config.threads(args.threads),
    );
    plan.limits.bytes = args.max_article_bytes;
    plan.limits.seconds = args.max_article_seconds;
    plan.sandbox = read_worker::sandbox();
    Ok(plan)
}

/// The chunking options: the flags', else nigh.toml's, else the collection's own, else the default.
fn chunking(
    args: &args::Reading,
    config: &Config,
    existing: Option<&dyn Collection>,
) -> anyhow::Result<Chunking> {
    let current = existing.map_or_else(Chunking::default, |collection| {
        collection.manifest().chunking
    });
    let chunking = Chunking {
        strategy: args
            .chunk
            .or(config.chunk)
            .map_or(current.strategy, Into::into),
        tokens: args
            .chunk_tokens
            .or(config.chunk_tokens)
            .unwrap_or(current.tokens),
        overlap: args.overlap.or(config.overlap).unwrap_or(current.overlap),
    };
    if chunking.tokens < Chunking::MIN_TOKENS {
        bail!(
            "passages of {} tokens (--chunk-tokens, or chunk_tokens in nigh.toml): expected {} or more",
            chunking.tokens,
            Chunking::MIN_TOKENS
        );
    }
    Ok(chunking)
}

/// The model: the flag's, else the collection's, else nigh.toml's, else the built-in one. Fails if
/// it is not the collection's, because a collection cannot change its model.
pub fn load_model(
    args: &args::Reading,
    config: &Config,
    existing: Option<&dyn Collection>,
) -> anyhow::Result<Box<dyn Embedder>> {
    let current = existing.map(|collection| &collection.manifest().model);
    let name = args
        .model
        .as_deref()
        .or(current.map(|model| model.name.as_str()))
        .or(config.model.as_deref());
    let embedder = embed::load(name.unwrap_or(embed::builtin::ALIAS))?;
    if let Some(current) = current.filter(|current| !current.is_compatible_with(embedder.model())) {
        bail!(
            "the collection was made with the model {:?} ({}), and {:?} is another ({}). Make a new collection with -c for it",
            current.name,
            current.hash,
            embedder.model().name,
            embedder.model().hash,
        );
    }
    Ok(embedder)
}

fn to_json(
    location: &Location,
    collection: &dyn Collection,
    report: &IndexReport,
) -> serde_json::Value {
    let manifest = collection.manifest();
    let mut document = serde_json::to_value(report).unwrap_or_default();
    document["collection"] = location.to_string().into();
    document["model"] = manifest.model.name.clone().into();
    document["chunking"] = manifest.chunking.to_string().into();
    document["language"] = manifest.language.to_string().into();
    document
}

fn print_text(
    output: &mut Output,
    location: &Location,
    collection: &dyn Collection,
    report: &IndexReport,
    truncation: Option<&Note>,
) -> anyhow::Result<()> {
    let strong = |text: String| styled(style::STRONG, text);
    output.line(format_args!(
        "{}: {} added, {} updated, {} unchanged, {} deleted",
        strong(pluralize(report.articles, "article")),
        report.added,
        report.updated,
        report.unchanged,
        report.deleted
    ))?;
    if report.passages > 0 {
        let reused = report.passages.saturating_sub(report.embedded);
        let reused = if reused > 0 {
            format!(
                " ({} had a vector already)",
                indicatif::HumanCount(reused as u64)
            )
        } else {
            String::new()
        };
        output.line(format_args!(
            "{}{reused}, {} in {:.1} s: {:.0} passages/s",
            strong(pluralize(report.passages, "passage")),
            pluralize(report.tokens, "token"),
            report.seconds,
            report.passages_per_second
        ))?;
    }
    if let Some(note) = truncation {
        output.line(format_args!("{}: {note}", styled(style::BAD, "cut")))?;
    }
    if let Some(what) = omissions(&report.omitted) {
        output.line(format_args!("left out: {what}. --json names them"))?;
    }
    if report.kept > 0 {
        let kept = styled(
            style::BAD,
            format!("{} kept", pluralize(report.kept, "article")),
        );
        output.line(format_args!(
            "{kept} whose files are gone, named above; --allow-deletes deletes them"
        ))?;
    }
    print_incomplete(output, &report.omitted.skipped, report.interrupted)?;
    let language = match collection.manifest().language {
        Language::English => String::new(),
        Language::Other => " (words are not stemmed)".to_owned(),
        language => format!(" in {}", language.display_name()),
    };
    let holds = format!(
        "{location} holds {}{language}",
        pluralize(collection.stats()?.passages, "passage")
    );
    output.line(format_args!(
        "{holds}. Search it: nigh search{} \"…\"",
        if location.folder() == Some(DEFAULT_COLLECTION.as_ref()) {
            String::new()
        } else {
            format!(" -c {location}")
        }
    ))?;
    Ok(())
}
