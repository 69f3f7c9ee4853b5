//! `nigh stats`, `check`, `delete`, `compact`

use super::graph_builder;
use crate::Outcome;
use crate::advice;
use crate::args;
use crate::config::Config;
use crate::output::{Output, style, styled};
use crate::progress::ProgressBars;
use engine::text::{group_thousands, pluralize};
use engine::{RepairOutcome, StoreProgress};
use indicatif::HumanBytes;
use notes::{Code, Note};
use serde_json::{Value, json};
use store::filter::explain::similar_values;
use store::{CheckReport, Location, filter};

pub fn stats(
    args: &args::CollectionArg,
    config: &Config,
    output: &mut Output,
) -> anyhow::Result<Outcome> {
    let location = config.collection(args)?;
    let collection = store::open(&location)?;
    let (stats, manifest) = (collection.stats()?, collection.manifest());
    if output.is_json() {
        let mut document = serde_json::to_value(&stats)?;
        document["collection"] = location.to_string().into();
        document["manifest"] = serde_json::to_value(manifest)?;
        output.json(&document)?;
        return Ok(Outcome::Done);
    }
    let mut row = |name: &str, value: String| output.line(format_args!("{name:<11}{value}"));
    row("collection", location.to_string())?;
    row(
        "articles",
        format!(
            "{}, with {} of their own",
            pluralize(stats.articles, "article"),
            pluralize(stats.questions, "question")
        ),
    )?;
    row(
        "passages",
        format!(
            "{} ({})",
            pluralize(stats.passages, "passage"),
            manifest.chunking
        ),
    )?;
    row(
        "model",
        format!(
            "{} ({} dimensions, window of {} tokens)",
            manifest.model.name, manifest.model.dimensions, manifest.model.window
        ),
    )?;
    let dead = if stats.dead_vectors > 0 {
        format!(", {} deleted but not yet compacted", stats.dead_vectors)
    } else {
        String::new()
    };
    row(
        "vectors",
        format!(
            "{}, {}{dead}",
            pluralize(collection.rows(), "vector"),
            pluralize(stats.segments, "segment")
        ),
    )?;
    let graphs = match (stats.graphs, stats.links_added, stats.self_misses) {
        (0, Some(_), _) => "none (the collection is too small to need one)".to_owned(),
        (0, None, _) => "none (all vectors are scanned)".to_owned(),
        (n, Some(linked), Some(lost)) => format!(
            "{}; all vectors reachable ({} added by repair); {} not found by their own query",
            pluralize(n, "graph"),
            pluralize(linked, "link"),
            pluralize(lost, "vector")
        ),
        _ => "managed by the server".to_owned(),
    };
    row("graphs", graphs)?;
    if let (Some(text), Some(vectors)) = (stats.text_bytes, stats.vector_bytes) {
        let (text, vectors) = (HumanBytes(text), HumanBytes(vectors));
        row(
            "on disk",
            format!("{text} text and lexical index, {vectors} vectors and graphs"),
        )?;
    }
    Ok(Outcome::Done)
}

pub fn check(args: &args::Check, config: &Config, output: &mut Output) -> anyhow::Result<Outcome> {
    let location = config.collection(&args.target)?;
    let bars = ProgressBars::default();
    if args.repair {
        let outcome = engine::repair(&location, config.threads(args.threads), &bars)?;
        return print_repair(&location, &outcome, output);
    }
    let report = match store::open(&location) {
        Ok(collection) => {
            let store_progress = StoreProgress::new(&bars);
            collection.check(&|step, done, of| store_progress.update(step, done, of))?
        }
        Err(error @ (store::Error::NotFound { .. } | store::Error::NewerFormat { .. })) => {
            return Err(error.into());
        }
        // Too damaged to open: name the damaged files.
        Err(error) => {
            let describe =
                |error: &store::Error| vec![format!("{error}{}", advice::on_store(error))];
            let found = store::find_damage(&location).unwrap_or_else(|error| describe(&error));
            let problems = if found.is_empty() {
                describe(&error)
            } else {
                found
            };
            CheckReport {
                files: 0,
                passages: 0,
                reachable: Some(0),
                problems,
            }
        }
    };
    if output.is_json() {
        let document = check_document(&location, &report)?;
        output.json(&document)?;
    } else {
        print_check(&report, output)?;
        if !report.problems.is_empty() && location.folder().is_some() {
            output.line("run nigh check --repair to rebuild what is damaged")?;
        }
    }
    Ok(if report.problems.is_empty() {
        Outcome::Done
    } else {
        Outcome::Partial
    })
}

fn check_document(location: &Location, report: &CheckReport) -> anyhow::Result<Value> {
    let mut document = serde_json::to_value(report)?;
    document["collection"] = location.to_string().into();
    document["sound"] = report.problems.is_empty().into();
    Ok(document)
}

fn print_check(report: &CheckReport, output: &mut Output) -> anyhow::Result<()> {
    for problem in &report.problems {
        output.line(format_args!("{} {problem}", styled(style::BAD, "damaged")))?;
    }
    let passages = pluralize(report.passages, "passage");
    output.line(match report.reachable {
        Some(reachable) => format!(
            "{} verified, {passages} match their articles, {} reachable",
            pluralize(report.files, "file"),
            pluralize(reachable, "vector"),
        ),
        None => format!(
            "{passages} match their articles and have vectors; the server manages the graph"
        ),
    })?;
    output.line(match report.problems.len() {
        0 => styled(style::GOOD, "sound"),
        n => styled(
            style::BAD,
            format_args!("{} found", pluralize(n, "problem")),
        ),
    })?;
    Ok(())
}

fn print_repair(
    location: &Location,
    outcome: &RepairOutcome,
    output: &mut Output,
) -> anyhow::Result<Outcome> {
    let exit = if outcome.is_complete() {
        Outcome::Done
    } else {
        Outcome::Partial
    };
    let damage = &outcome.damage;
    if output.is_json() {
        let mut document = check_document(location, &outcome.check)?;
        let mut repaired = serde_json::to_value(outcome)?;
        repaired
            .as_object_mut()
            .and_then(|repaired| repaired.remove("check"));
        document["repaired"] = repaired;
        output.json(&document)?;
        return Ok(exit);
    }
    for problem in &damage.problems {
        output.line(format_args!("{} {problem}", styled(style::BAD, "damaged")))?;
    }
    let rebuilt = [
        (damage.graphs, pluralize(damage.graphs, "graph")),
        (outcome.put_back, pluralize(outcome.put_back, "article")),
        (
            outcome.embedded,
            format!("{} embedded", pluralize(outcome.embedded, "passage")),
        ),
    ];
    let rebuilt: Vec<String> = rebuilt
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(_, text)| text)
        .collect();
    if !rebuilt.is_empty() {
        output.line(format_args!(
            "{} {}",
            styled(style::GOOD, "rebuilt"),
            rebuilt.join(", ")
        ))?;
    }
    for id in &damage.lost {
        output.line(format_args!(
            "{} {id}: its text is damaged; index its source again",
            styled(style::BAD, "lost")
        ))?;
    }
    if damage.unnamed > 0 {
        let lost = format!("{} articles or passages", group_thousands(damage.unnamed));
        output.line(format_args!(
            "{} {lost} whose ids are lost, too; index all sources again",
            styled(style::BAD, "lost")
        ))?;
    }
    print_check(&outcome.check, output)?;
    Ok(exit)
}

pub fn delete(
    args: &args::Delete,
    config: &Config,
    output: &mut Output,
) -> anyhow::Result<Outcome> {
    let location = config.collection(&args.target)?;
    let collection = store::open(&location)?;
    let mut writer = collection.writer()?;
    let (mut deleted, mut missing) = (Vec::new(), Vec::new());
    for id in &args.ids {
        if writer.delete(id)? {
            deleted.push(id)
        } else {
            missing.push(id)
        }
    }
    writer.commit()?;
    let note = |id: &&String| -> anyhow::Result<Note> {
        let nearest = similar_values(collection.field_values(), filter::ID, id)?;
        let hint = if nearest.is_empty() {
            String::new()
        } else {
            format!("; the nearest are {}", nearest.join(", "))
        };
        Ok(Note::new(
            Code::UnknownArticle,
            format!("no article has the id {id:?}{hint}"),
        ))
    };
    let notes = missing
        .iter()
        .map(note)
        .collect::<anyhow::Result<Vec<_>>>()?;
    if output.is_json() {
        output.json(&json!({ "collection": location.to_string(), "deleted": deleted, "missing": missing, "notes": notes }))?;
    } else {
        output.line(format_args!(
            "{} deleted",
            pluralize(deleted.len(), "article")
        ))?;
        for note in &notes {
            output.line(format_args!("{} {note}", styled(style::BAD, "missing")))?;
        }
    }
    Ok(if missing.is_empty() {
        Outcome::Done
    } else {
        Outcome::Partial
    })
}

pub fn compact(
    args: &args::Compact,
    config: &Config,
    output: &mut Output,
) -> anyhow::Result<Outcome> {
    let location = config.collection(&args.target)?;
    let builder = graph_builder(args.builder, &location)?;
    let mut collection = store::open(&location)?;
    let bars = ProgressBars::default();
    let store_progress = StoreProgress::new(&bars);
    let mut writer = collection.writer()?;
    if let (Some(builder), Some(files)) = (builder, writer.maintenance()) {
        files.set_builder(builder);
    }
    let report = writer.compact(config.threads(args.threads), &|step, done, of| {
        store_progress.update(step, done, of)
    })?;
    drop(writer);
    drop(store_progress);
    collection.refresh()?;
    let stats = collection.stats()?;
    if output.is_json() {
        let mut document = serde_json::to_value(report)?;
        document["collection"] = location.to_string().into();
        document["passages"] = stats.passages.into();
        output.json(&document)?;
    } else {
        let bytes = stats
            .text_bytes
            .zip(stats.vector_bytes)
            .map(|(text, vectors)| text + vectors);
        let on_disk = bytes
            .map(|bytes| format!(", {} on disk", HumanBytes(bytes)))
            .unwrap_or_default();
        output.line(format_args!(
            "{} dropped, {} merged into {}; {} left{on_disk}",
            pluralize(report.dropped, "vector"),
            pluralize(report.segments_before, "segment"),
            report.segments_after,
            pluralize(stats.passages, "passage"),
        ))?;
    }
    Ok(Outcome::Done)
}
