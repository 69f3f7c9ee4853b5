//! `nigh stats`, `check`, `delete`, `compact`: the care of a collection.

use crate::Outcome;
use crate::args;
use crate::config::Config;
use crate::output::{Output, style, styled};
use crate::progress::Bars;
use engine::Steps;
use engine::text::counted;
use indicatif::HumanBytes;
use serde_json::json;

pub fn stats(args: &args::OnCollection, config: &Config, output: &mut Output) -> anyhow::Result<Outcome> {
    let location = config.collection(args);
    let collection = store::open(&location)?;
    let (stats, manifest) = (collection.stats()?, collection.manifest());
    if output.is_json() {
        let mut document = serde_json::to_value(&stats)?;
        document["collection"] = location.into();
        document["manifest"] = serde_json::to_value(manifest)?;
        output.json(&document)?;
        return Ok(Outcome::Done);
    }
    let mut row = |name: &str, value: String| output.line(format_args!("{name:<11}{value}"));
    row("collection", location)?;
    row(
        "articles",
        format!("{}, asking {} themselves", counted(stats.articles, "article"), counted(stats.questions, "question")),
    )?;
    row("passages", format!("{} ({})", counted(stats.passages, "passage"), manifest.chunking))?;
    row(
        "model",
        format!(
            "{} ({} dimensions, reads {} word pieces)",
            manifest.model.name, manifest.model.dimensions, manifest.model.window
        ),
    )?;
    let dead = if stats.dead_vectors > 0 {
        format!(", {} deleted and not yet compacted", stats.dead_vectors)
    } else {
        String::new()
    };
    row("vectors", format!("{}, {}{dead}", counted(manifest.rows(), "vector"), counted(stats.segments, "segment")))?;
    let graphs = match stats.graphs {
        0 => "none: so few are faster looked through".to_owned(),
        n => format!(
            "{}, every vector reachable ({} added for it), {} not found by themselves",
            counted(n, "graph"),
            counted(stats.linked_in, "link"),
            counted(stats.not_found_by_themselves, "vector")
        ),
    };
    row("graphs", graphs)?;
    row(
        "on disk",
        format!(
            "{} text and words, {} vectors and graphs",
            HumanBytes(stats.text_bytes),
            HumanBytes(stats.vector_bytes)
        ),
    )?;
    Ok(Outcome::Done)
}

pub fn check(args: &args::OnCollection, config: &Config, output: &mut Output) -> anyhow::Result<Outcome> {
    let location = config.collection(args);
    let collection = store::open(&location)?;
    let bars = Bars::default();
    let steps = Steps::of(&bars);
    let report = collection.check(&|step, done, of| steps.show(step, done, of))?;
    drop(steps);
    let outcome = if report.problems.is_empty() { Outcome::Done } else { Outcome::Less };
    if output.is_json() {
        let mut document = serde_json::to_value(&report)?;
        document["collection"] = location.into();
        document["sound"] = report.problems.is_empty().into();
        output.json(&document)?;
        return Ok(outcome);
    }
    for problem in &report.problems {
        output.line(format_args!("{} {problem}", styled(style::BAD, "damaged")))?;
    }
    output.line(format_args!(
        "{} read whole, {} where their articles say, {} proved reachable",
        counted(report.files, "file"),
        counted(report.passages, "passage"),
        counted(report.reachable, "vector"),
    ))?;
    output.line(match report.problems.len() {
        0 => styled(style::GOOD, "sound"),
        n => styled(style::BAD, format_args!("{} found", counted(n, "problem"))),
    })?;
    Ok(outcome)
}

pub fn delete(args: &args::Delete, config: &Config, output: &mut Output) -> anyhow::Result<Outcome> {
    let location = config.collection(&args.on);
    let collection = store::open(&location)?;
    let mut writer = collection.writer()?;
    let (mut deleted, mut missing) = (Vec::new(), Vec::new());
    for id in &args.ids {
        if writer.delete(id)? { deleted.push(id) } else { missing.push(id) }
    }
    writer.commit()?;
    if output.is_json() {
        output.json(&json!({ "collection": location, "deleted": deleted, "missing": missing }))?;
    } else {
        output.line(format_args!("{} deleted", counted(deleted.len(), "article")))?;
        for id in &missing {
            output.line(format_args!("{} no article has the id {id:?}", styled(style::BAD, "missing")))?;
        }
    }
    Ok(if missing.is_empty() { Outcome::Done } else { Outcome::Less })
}

pub fn compact(args: &args::Compact, config: &Config, output: &mut Output) -> anyhow::Result<Outcome> {
    let location = config.collection(&args.on);
    let mut collection = store::open(&location)?;
    let bars = Bars::default();
    let steps = Steps::of(&bars);
    let mut writer = collection.writer()?;
    if let Some(builder) = args.builder {
        writer.set_builder(builder.into());
    }
    let report = writer.compact(config.threads(args.threads), &|step, done, of| steps.show(step, done, of))?;
    drop(writer);
    drop(steps);
    collection.refresh()?;
    let stats = collection.stats()?;
    if output.is_json() {
        let mut document = serde_json::to_value(report)?;
        document["collection"] = location.into();
        document["passages"] = stats.passages.into();
        output.json(&document)?;
    } else {
        output.line(format_args!(
            "{} dropped, {} made {}; {} left, {} on disk",
            counted(report.dropped, "vector"),
            counted(report.segments_before, "segment"),
            report.segments_after,
            counted(stats.passages, "passage"),
            HumanBytes(stats.text_bytes + stats.vector_bytes)
        ))?;
    }
    Ok(Outcome::Done)
}
