//! Reading everything, and saying what does not hold.

use super::snapshot::{MANAGED, Snapshot};
use crate::collection::{CheckReport, PassageKey, Progress, Step};
use crate::{Error, Result};
use std::collections::HashMap;

/// How many passages are fetched at once.
const BLOCK: usize = 256;

pub fn check(snapshot: &Snapshot, progress: &Progress<'_>) -> Result<CheckReport> {
    let mut report = CheckReport { files: 0, passages: 0, reachable: 0, problems: Vec::new() };
    text(snapshot, &mut report);
    for segment in &snapshot.segments {
        report.files += 1 + usize::from(segment.graph().is_some());
        match segment.verify() {
            Ok(()) => report.reachable += segment.graph().map_or(0, index::Graph::rows),
            Err(error) => report.problems.push(error.to_string()),
        }
    }
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

/// The files of the text index, by their seals, or where they have none by tantivy's own checksums.
fn text(snapshot: &Snapshot, report: &mut CheckReport) {
    let (folder, sealed) = (snapshot.layout.text(), snapshot.layout.files().sealed);
    let files = snapshot.text_files();
    report.files += files.len();
    for path in files {
        if let Err(error) = disk::Mapped::open(&path, |_| sealed).and_then(|file| file.verify()) {
            report.problems.push(error.to_string());
        }
    }
    let managed = snapshot.searcher.index().directory().list_managed_files();
    if snapshot.segment_files().any(|file| !managed.contains(&file)) {
        let problem = "it does not name the commit's files, so they would never be removed";
        report.problems.push(format!("{}: {problem}", folder.join(MANAGED).display()));
    }
    if sealed {
        return;
    }
    match snapshot.searcher.index().validate_checksum() {
        Ok(damaged) => {
            report.problems.extend(damaged.iter().map(|file| {
                format!("{}: its checksum is not the one it was written with", folder.join(file).display())
            }))
        }
        Err(error) => report.problems.push(format!("{}: {error}", folder.display())),
    }
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
    report.problems.extend(counted.keys().map(|id| format!("article {id:?} is not there, but passages of it are")));
    Ok(())
}
