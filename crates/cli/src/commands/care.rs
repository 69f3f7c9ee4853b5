//! `nigh stats`, `check`, `delete`, `compact`: the care of a collection.

use crate::Outcome;
use crate::args;
use crate::config::Config;
use crate::output::{Output, style, styled};
use crate::progress::Bars;
use engine::text::{counted, grouped};
use engine::{Repaired, Steps};
use indicatif::HumanBytes;
use notes::{Code, Note};
use serde_json::{Value, json};
use store::filter::explain::nearest_values;
use store::{CheckReport, filter};

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
    let graphs = match (stats.graphs, stats.linked_in, stats.not_found_by_themselves) {
        (0, Some(_), _) => "none: so few are faster looked through".to_owned(),
        (0, None, _) => "none: every vector is looked at".to_owned(),
        (n, Some(linked), Some(lost)) => format!(
            "{}, every vector reachable ({} added for it), {} not found by themselves",
            counted(n, "graph"),
            counted(linked, "link"),
            counted(lost, "vector")
        ),
        _ => "the server's own".to_owned(),
    };
    row("graphs", graphs)?;
    if let (Some(text), Some(vectors)) = (stats.text_bytes, stats.vector_bytes) {
        let (text, vectors) = (HumanBytes(text), HumanBytes(vectors));
        row("on disk", format!("{text} text and words, {vectors} vectors and graphs"))?;
    }
    Ok(Outcome::Done)
}

pub fn check(args: &args::Check, config: &Config, output: &mut Output) -> anyhow::Result<Outcome> {
    let location = config.collection(&args.on);
    let bars = Bars::default();
    if args.repair {
        let repaired = engine::repair(&location, config.threads(args.threads), &bars)?;
        return print_repaired(&location, &repaired, output);
    }
    let report = match store::open(&location) {
        Ok(collection) => {
            let steps = Steps::of(&bars);
            collection.check(&|step, done, of| steps.show(step, done, of))?
        }
        Err(error @ (store::Error::NotFound { .. } | store::Error::NewerFormat { .. })) => return Err(error.into()),
        // Too damaged to open: what can be said is which files are the reason.
        Err(error) => {
            let found = store::survey(&location).unwrap_or_else(|error| vec![error.to_string()]);
            let problems = if found.is_empty() { vec![error.to_string()] } else { found };
            CheckReport { files: 0, passages: 0, reachable: Some(0), problems }
        }
    };
    if output.is_json() {
        let document = check_document(&location, &report)?;
        output.json(&document)?;
    } else {
        print_check(&report, output)?;
        if !report.problems.is_empty() && !store::remote::is_remote(&location) {
            output.line("nigh check --repair builds again what is damaged")?;
        }
    }
    Ok(if report.problems.is_empty() { Outcome::Done } else { Outcome::Less })
}

fn check_document(location: &str, report: &CheckReport) -> anyhow::Result<Value> {
    let mut document = serde_json::to_value(report)?;
    document["collection"] = location.into();
    document["sound"] = report.problems.is_empty().into();
    Ok(document)
}

fn print_check(report: &CheckReport, output: &mut Output) -> anyhow::Result<()> {
    for problem in &report.problems {
        output.line(format_args!("{} {problem}", styled(style::BAD, "damaged")))?;
    }
    let passages = counted(report.passages, "passage");
    output.line(match report.reachable {
        Some(reachable) => format!(
            "{} read whole, {passages} where their articles say, {} proved reachable",
            counted(report.files, "file"),
            counted(reachable, "vector"),
        ),
        None => format!("{passages} where their articles say, with their vectors; the graph is the server's own"),
    })?;
    output.line(match report.problems.len() {
        0 => styled(style::GOOD, "sound"),
        n => styled(style::BAD, format_args!("{} found", counted(n, "problem"))),
    })?;
    Ok(())
}

fn print_repaired(location: &str, repaired: &Repaired, output: &mut Output) -> anyhow::Result<Outcome> {
    let outcome = if repaired.is_whole() { Outcome::Done } else { Outcome::Less };
    let mended = &repaired.mended;
    if output.is_json() {
        let mut document = check_document(location, &repaired.check)?;
        let mut what = serde_json::to_value(repaired)?;
        what.as_object_mut().and_then(|what| what.remove("check"));
        document["repaired"] = what;
        output.json(&document)?;
        return Ok(outcome);
    }
    for problem in &mended.problems {
        output.line(format_args!("{} {problem}", styled(style::BAD, "damaged")))?;
    }
    let built = [
        (mended.graphs, counted(mended.graphs, "graph")),
        (repaired.put_back, counted(repaired.put_back, "article")),
        (repaired.embedded, format!("{} embedded", counted(repaired.embedded, "passage"))),
    ];
    let built: Vec<String> = built.into_iter().filter(|(count, _)| *count > 0).map(|(_, said)| said).collect();
    if !built.is_empty() {
        output.line(format_args!("{} {}", styled(style::GOOD, "built again"), built.join(", ")))?;
    }
    for id in &mended.lost {
        output.line(format_args!("{} {id}: it does not read; index its source again", styled(style::BAD, "lost")))?;
    }
    if mended.unnamed > 0 {
        let lost = format!("{} articles or passages", grouped(mended.unnamed));
        output
            .line(format_args!("{} {lost} that nothing names; index all sources again", styled(style::BAD, "lost")))?;
    }
    print_check(&repaired.check, output)?;
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
    let note = |id: &&String| -> anyhow::Result<Note> {
        let near = nearest_values(collection.field_values(), filter::ID, id)?;
        let near = if near.is_empty() { String::new() } else { format!("; the nearest are {}", near.join(", ")) };
        Ok(Note::new(Code::UnknownArticle, format!("no article has the id {id:?}{near}")))
    };
    let notes = missing.iter().map(note).collect::<anyhow::Result<Vec<_>>>()?;
    if output.is_json() {
        output.json(&json!({ "collection": location, "deleted": deleted, "missing": missing, "notes": notes }))?;
    } else {
        output.line(format_args!("{} deleted", counted(deleted.len(), "article")))?;
        for note in &notes {
            output.line(format_args!("{} {note}", styled(style::BAD, "missing")))?;
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
        let bytes = stats.text_bytes.zip(stats.vector_bytes).map(|(text, vectors)| text + vectors);
        let on_disk = bytes.map(|bytes| format!(", {} on disk", HumanBytes(bytes))).unwrap_or_default();
        output.line(format_args!(
            "{} dropped, {} made {}; {} left{on_disk}",
            counted(report.dropped, "vector"),
            counted(report.segments_before, "segment"),
            report.segments_after,
            counted(stats.passages, "passage"),
        ))?;
    }
    Ok(Outcome::Done)
}
