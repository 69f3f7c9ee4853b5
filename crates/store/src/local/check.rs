//! Reading everything, and saying what does not hold.

use super::layout::Layout;
use super::snapshot::{MANAGED, META, Snapshot};
use crate::collection::{CheckReport, PassageKey, Progress, Step};
use crate::{Error, Result};
use std::collections::HashMap;
use std::path::Path;
use tantivy::Index;

/// How many passages are fetched at once.
const BLOCK: usize = 256;

pub fn check(snapshot: &Snapshot, progress: &Progress<'_>) -> Result<CheckReport> {
    let mut report = CheckReport { files: 0, passages: 0, reachable: None, problems: Vec::new() };
    text(snapshot, &mut report);
    let mut reachable = 0;
    for segment in &snapshot.segments {
        report.files += 1 + usize::from(segment.graph().is_some());
        match segment.verify() {
            Ok(()) => reachable += segment.graph().map_or(0, index::Graph::rows),
            Err(error) => report.problems.push(error.to_string()),
        }
    }
    report.reachable = Some(reachable);
    match snapshot.missing_vectors() {
        Ok(missing) => {
            report.problems.extend(missing.iter().map(|key| format!("the passage with key {key} has no vector")))
        }
        Err(error) => report.problems.push(error.to_string()),
    }
    match passages(snapshot, &mut report, progress) {
        Ok(()) => {}
        Err(Error::Stopped) => return Err(Error::Stopped),
        Err(error) => report.problems.push(error.to_string()),
    }
    Ok(report)
}

/// The files of the text index, and that it knows them for its own.
fn text(snapshot: &Snapshot, report: &mut CheckReport) {
    let (layout, index) = (&snapshot.layout, snapshot.searcher.index());
    let managed = index.directory().list_managed_files();
    let mut named = true;
    for file in snapshot.segment_files() {
        report.files += 1;
        named &= managed.contains(&file);
        report.problems.extend(verify_text(layout, index, &file).err().map(|error| error.to_string()));
    }
    // Without seals nothing tells whether these two are as they were written.
    for path in [META, MANAGED].map(|file| layout.text().join(file)) {
        report.files += 1;
        let read = disk::Mapped::open(&path, |_| layout.files().sealed).and_then(|file| file.verify());
        report.problems.extend(read.err().map(|error| error.to_string()));
    }
    if !named {
        let problem = "it does not name the commit's files, so they would never be removed";
        report.problems.push(format!("{}: {problem}", layout.text().join(MANAGED).display()));
    }
}

/// Sees that a file of a text segment is as it was written: by its seal, or where it has none by tantivy's checksum.
pub fn verify_text(layout: &Layout, index: &Index, file: &Path) -> Result<()> {
    let (path, sealed) = (layout.text().join(file), layout.files().sealed);
    disk::Mapped::open(&path, |_| sealed)?.verify()?;
    if !sealed && !matches!(index.directory().validate_checksum(file), Ok(true)) {
        return Err(Error::damaged(path, "its checksum is not the one it was written with"));
    }
    Ok(())
}

/// Every passage is its article's text at its span, and is the one that the article says.
fn passages(snapshot: &Snapshot, report: &mut CheckReport, progress: &Progress<'_>) -> Result<()> {
    let keys: Vec<PassageKey> = snapshot.live_keys()?.collect();
    let mut counted: HashMap<String, usize> = HashMap::new();
    let mut article = None;
    for (block, part) in keys.chunks(BLOCK).enumerate() {
        for passage in snapshot.fetch(part)? {
            let id = &passage.reference.article_id;
            if article.as_ref().is_none_or(|(known, _)| known != id) {
                article = Some((id.clone(), snapshot.article(id)?));
            }
            *counted.entry(id.clone()).or_default() += 1;
            let Some((_, Some(stored))) = &article else {
                report.problems.push(format!("passage {}: its article is not there", passage.reference));
                continue;
            };
            let said = stored.passages.get(passage.reference.ordinal as usize);
            if said != Some(&passage.span) || passage.span.of(&stored.article.text) != passage.text {
                report.problems.push(format!(
                    "passage {}: its text is not its article's at {:?}",
                    passage.reference, passage.span
                ));
                continue;
            }
            report.passages += 1;
        }
        if progress(Step::Check, (block * BLOCK + part.len()).min(keys.len()), keys.len()).is_break() {
            return Err(Error::Stopped);
        }
    }
    for id in snapshot.article_ids()? {
        let expected = snapshot.article(&id)?.map_or(0, |stored| stored.passages.len());
        let found = counted.remove(&id).unwrap_or(0);
        if expected != found {
            report.problems.push(format!("article {id:?}: {expected} passages expected, {found} found"));
        }
    }
    let mut orphans: Vec<&String> = counted.keys().collect();
    orphans.sort_unstable();
    report
        .problems
        .extend(orphans.into_iter().map(|id| format!("article {id:?} is not there, but passages of it are")));
    Ok(())
}
