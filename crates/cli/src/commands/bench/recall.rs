//! `nigh bench recall`

use crate::Outcome;
use crate::args::BenchRecall;
use crate::config::Config;
use crate::output::{self, Output, style, styled};
use crate::progress::{self, ProgressBars};
use anyhow::{Context, bail};
use engine::graph_benchmark::{
    CacheOutcome, GroundTruth, RecallOptions, measure, read_f32, scan_qps, write_vectors,
};
use engine::provenance::provenance;
use engine::text::pluralize;
use engine::{EmbeddedQueries, embedder_for};
use eval::provenance::Input;
use eval::recall::{FilteredPoint, RecallReport};
use eval::report;
use index::{Builder, Params, Quantization, VectorFile, VectorWriter, WriteOptions};
use query::Mode;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Mutex;

/// The number of the collection's own vectors that serve as queries if none are given.
const SAMPLED_QUERIES: usize = 1000;

/// Queries and the provenance of the benchmark.
struct Workload {
    queries: Vec<f32>,
    provenance: Value,
}

pub fn run(args: &BenchRecall, config: &Config, output: &mut Output) -> anyhow::Result<Outcome> {
    let folder = tempfile::tempdir().context("a temporary folder")?;
    let base = folder.path().join("base.vec");
    let threads = config.threads(args.threads);
    let (first, shares): (Quantization, _) = (args.first_pass.into(), args.allow.clone());
    let plan = RecallOptions {
        k: args.k as usize,
        efs: args.ef.clone(),
        first_pass: first,
        selectivities: shares,
        threads,
    };
    let details = |queries: Value| {
        json!({ "queries": queries, "k": args.k, "threads": threads, "ef": args.ef, "m": args.m,
                "ef_construction": args.ef_construction, "builder": Builder::from(args.builder), "seed": args.seed,
                "first_pass": first, "allow": args.allow })
    };
    let Workload {
        queries,
        provenance,
    } = match &args.base {
        Some(raw) => load_raw_files(args, raw, &base, details)?,
        None => load_collection(args, config, &base, threads, details)?,
    };
    let vectors = VectorFile::open(&base)?;
    // In the cache folder of the models.
    let cache = ingest::embed::cache_dir().join("truth");
    let (truth, kept) = GroundTruth::new(&vectors, &queries, plan.k, &cache);
    if let CacheOutcome::NotStored(error) = &kept {
        output::note(format_args!("the exact answers are not kept: {error}"));
    }
    let truth_cached = matches!(kept, CacheOutcome::Loaded);
    let (n, dim) = (vectors.rows(), vectors.dimensions());
    let scan_qps = scan_qps(&vectors, &queries, plan.k)?;
    drop(vectors);
    let mut builds = Vec::new();
    for &m in &args.m {
        let params = Params {
            m,
            ef_construction: args.ef_construction,
            seed: args.seed,
            builder: args.builder.into(),
        };
        let bar: Mutex<Option<(String, indicatif::ProgressBar)>> = Mutex::new(None);
        let show_progress = |stage: &str, done: usize, total: usize| {
            let Ok(mut bar) = bar.lock() else { return };
            if bar.as_ref().is_none_or(|(shown, _)| shown != stage) {
                if let Some((_, old)) = bar.take() {
                    old.finish_and_clear();
                }
                *bar = Some((
                    stage.to_owned(),
                    progress::items(
                        total,
                        if stage == "building" {
                            "building the graph"
                        } else {
                            "searching"
                        },
                    ),
                ));
            }
            if let Some((_, bar)) = &*bar {
                bar.set_position(done as u64);
            }
        };
        let build = measure(&base, &queries, &truth, params, &plan, &show_progress);
        if let Ok(Some((_, bar))) = bar.into_inner() {
            bar.finish_and_clear();
        }
        builds.push(build?);
    }
    let queries = queries.len() / dim;
    let recall = RecallReport {
        n,
        dim,
        k: plan.k,
        queries,
        scan_qps,
        truth_cached,
        threads,
        builds,
        provenance,
    };
    let page = args
        .report
        .as_deref()
        .map(|folder| report::write_recall(folder, &recall))
        .transpose()?;
    if output.is_json() {
        output.json(&to_json(&recall)?)?;
    } else {
        print_recall(output, &recall)?;
    }
    if let Some(page) = page {
        output::note(format_args!("report: {}", page.display()));
    }
    Ok(
        if recall.builds.iter().all(|build| build.unreachable == 0) {
            Outcome::Done
        } else {
            Outcome::Partial
        },
    )
}

/// The JSON document, with the figures of the first build at the top level, where scripts find
/// them.
fn to_json(recall: &RecallReport) -> anyhow::Result<Value> {
    let mut document = serde_json::to_value(recall)?;
    if let (Some(all), Some(first)) = (document.as_object_mut(), recall.builds.first()) {
        let first = serde_json::to_value(first)?;
        all.extend(first.as_object().cloned().unwrap_or_default());
    }
    Ok(document)
}

fn load_raw_files(
    args: &BenchRecall,
    raw: &Path,
    base: &Path,
    details: impl Fn(Value) -> Value,
) -> anyhow::Result<Workload> {
    let (Some(queries), Some(dim)) = (&args.queries, args.dim) else {
        bail!("--base needs --queries, another raw file, and --dim, the number of dimensions");
    };
    write_vectors(base, &read_f32(raw, dim)?, dim)?;
    let mut details = details(json!(Input::of(queries)));
    if let Some(all) = details.as_object_mut() {
        all.insert("base".to_owned(), json!(Input::of(raw)));
    }
    Ok(Workload {
        queries: read_f32(queries, dim)?,
        provenance: provenance(None, details)?,
    })
}

fn load_collection(
    args: &BenchRecall,
    config: &Config,
    base: &Path,
    threads: usize,
    details: impl Fn(Value) -> Value,
) -> anyhow::Result<Workload> {
    let location = config.collection(&args.target)?;
    let collection = store::open(&location)?;
    let dim = collection.manifest().model.dimensions;
    let keys = collection.keys()?;
    if keys.is_empty() {
        bail!("{location}: the collection is empty; fill it with nigh index PATH");
    }
    let mut writer = VectorWriter::create(&WriteOptions::default(), base, dim)?;
    // Without queries, evenly spaced vectors of the collection are used.
    let step = keys.len().div_ceil(SAMPLED_QUERIES);
    let (mut sample, mut row) = (Vec::new(), 0);
    collection.for_each_vector(&mut |key, vector| {
        writer.push(key.0, [0; 16], vector)?;
        if args.queries.is_none() && row % step == 0 {
            sample.extend_from_slice(vector);
        }
        row += 1;
        Ok(())
    })?;
    writer.finish()?;
    let (queries, source) = match &args.queries {
        Some(path) => {
            let queries = eval::query::read(path)?;
            let texts: Vec<&str> = queries.iter().map(|query| query.text.as_str()).collect();
            let embedder = embedder_for(&*collection, Mode::Dense)?;
            let progress = ProgressBars::default();
            let embedded = EmbeddedQueries::embed(&texts, embedder.as_deref(), threads, &progress)?;
            let notes = embedded.notes(&*collection, &[Mode::Dense], None, threads, &progress)?;
            notes.iter().for_each(output::note);
            (embedded.vectors(), json!(Input::of(path)))
        }
        None => (sample, json!("its own vectors")),
    };
    Ok(Workload {
        queries,
        provenance: provenance(Some((&*collection, &location.to_string())), details(source))?,
    })
}

fn print_recall(output: &mut Output, recall: &RecallReport) -> anyhow::Result<()> {
    output.line(format_args!(
        "{} of {} dimensions, {}, plain scan {:.0} queries/s on one thread{}",
        pluralize(recall.n, "vector"),
        recall.dim,
        pluralize(recall.queries, "query"),
        recall.scan_qps,
        if recall.truth_cached {
            " (cached exact answers)"
        } else {
            ""
        }
    ))?;
    if recall
        .builds
        .iter()
        .flat_map(|build| &build.points)
        .any(|point| !point.walked)
    {
        output.line("with so few vectors, or so few per candidate, all are scanned instead of searching the graph")?;
    }
    for build in &recall.builds {
        output.line("")?;
        output.line(styled(
            style::STRONG,
            format_args!(
                "M {}, ef_construction {}: built in {:.2} s, opened in {:.2} ms, {:.0} bytes per vector ({:.0} of them graph and codes)",
                build.m,
                build.ef_construction,
                build.build_s,
                build.open_ms,
                build.bytes_per_vector,
                build.graph_bytes_per_vector
            ),
        ))?;
        let health = format!(
            "{} unreachable ({} before repair, {} added); {} of {} not found by their own vectors",
            build.unreachable,
            build.health.unreachable,
            pluralize(build.health.links_added, "link"),
            build.health.self_misses,
            build.health.self_queries
        );
        output.line(if build.unreachable == 0 {
            health
        } else {
            styled(style::BAD, health)
        })?;
        output.line(styled(
            style::FAINT,
            format_args!(
                "{:>6}  {:>9}  {:>11}  {:>11}  {:>8}  {:>8}  {:>8}",
                "ef",
                format!("recall@{}", recall.k),
                "QPS, 1 thr.",
                format!("QPS, {} thr.", recall.threads),
                "p50 µs",
                "p95 µs",
                "p99 µs"
            ),
        ))?;
        for p in &build.points {
            output.line(format_args!(
                "{:>6}  {:>9.4}  {:>11.0}  {:>11.0}  {:>8.0}  {:>8.0}  {:>8.0}{}",
                p.ef,
                p.recall,
                p.qps,
                p.qps_all,
                p.p50_us,
                p.p95_us,
                p.p99_us,
                if p.walked { "" } else { "  scanned" }
            ))?;
        }
        output.line(format_args!(
            " exact     1.0000  {:>11.0}  ({:.0} in batch), by codes",
            build.exact_on_codes_qps, build.exact_on_codes_batch_qps
        ))?;
        print_filtered(output, recall, &build.filtered)?;
    }
    Ok(())
}

fn print_filtered(
    output: &mut Output,
    recall: &RecallReport,
    filtered: &[FilteredPoint],
) -> anyhow::Result<()> {
    let Some(first) = filtered.first() else {
        return Ok(());
    };
    output.line(styled(
        style::FAINT,
        format_args!(
            "{:>8}  {:<8}  {:>9}  {:>11}  {:>11}  ef {}",
            "allowed",
            "rows",
            format!("recall@{}", recall.k),
            "QPS, 1 thr.",
            "exact QPS",
            first.ef
        ),
    ))?;
    for f in filtered {
        output.line(format_args!(
            "{:>8}  {:<8}  {:>9.4}  {:>11.0}  {:>11.0}",
            format!("{} %", 100.0 * f.share),
            f.rows,
            f.recall,
            f.qps,
            f.exact_qps
        ))?;
    }
    Ok(())
}
