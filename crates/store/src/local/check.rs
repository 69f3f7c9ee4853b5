//! Verification of a whole snapshot.

use super::layout::Layout;
use super::snapshot::{MANAGED, META, Snapshot};
use crate::collection::{CheckReport, PassageKey, Progress, Step};
use crate::{Error, Result};
use std::collections::HashMap;
use std::path::Path;
use tantivy::Index;

/// The number of passages fetched at once.
const FETCH_BATCH: usize = 256;

pub fn check(snapshot: &Snapshot, progress: &Progress<'_>) -> Result<CheckReport> {
    let mut report = CheckReport {
        files: 0,
        passages: 0,
        reachable: None,
        problems: Vec::new(),
    };
    check_text_files(snapshot, &mut report);
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
        Ok(missing) => report.problems.extend(
            missing
                .iter()
                .map(|key| format!("the passage with key {key} has no vector")),
        ),
        Err(error) => report.problems.push(error.to_string()),
    }
    match check_passages(snapshot, &mut report, progress) {
        Ok(()) => {}
        Err(Error::Stopped) => return Err(Error::Stopped),
        Err(error) => report.problems.push(error.to_string()),
    }
    Ok(report)
}

/// Verifies the files of the text index, and that tantivy's list of managed files names them.
fn check_text_files(snapshot: &Snapshot, report: &mut CheckReport) {
    let (layout, index) = (&snapshot.layout, snapshot.searcher.index());
    let managed = index.directory().list_managed_files();
    let mut all_managed = true;
    for file in snapshot.segment_files() {
        report.files += 1;
        all_managed &= managed.contains(&file);
        report.problems.extend(
            verify_text_file(layout, index, &file)
                .err()
                .map(|error| error.to_string()),
        );
    }
    // These two can only be verified in formats with checksum footers.
    for path in [META, MANAGED].map(|file| layout.text().join(file)) {
        report.files += 1;
        let read =
            disk::MappedFile::open(&path, |_| layout.files().sealed).and_then(|file| file.verify());
        report
            .problems
            .extend(read.err().map(|error| error.to_string()));
    }
    if !all_managed {
        let problem = "it does not list the commit's files, so they would never be removed";
        report.problems.push(format!(
            "{}: {problem}",
            layout.text().join(MANAGED).display()
        ));
    }
}

/// Verifies a file of a text segment by its checksum footer or, in formats without one, by
/// tantivy's checksum.
pub fn verify_text_file(layout: &Layout, index: &Index, file: &Path) -> Result<()> {
    let (path, sealed) = (layout.text().join(file), layout.files().sealed);
    disk::MappedFile::open(&path, |_| sealed)?.verify()?;
    if !sealed && !matches!(index.directory().validate_checksum(file), Ok(true)) {
        return Err(Error::damaged(path, "its checksum does not match"));
    }
    Ok(())
}

/// Checks that every passage is its article's text at its span, and that every article has the
/// passages it lists.
fn check_passages(
    snapshot: &Snapshot,
    report: &mut CheckReport,
    progress: &Progress<'_>,
) -> Result<()> {
    let keys: Vec<PassageKey> = snapshot.live_keys()?.collect();
    let mut counted: HashMap<String, usize> = HashMap::new();
    let mut article = None;
    for (batch, part) in keys.chunks(FETCH_BATCH).enumerate() {
        for passage in snapshot.fetch(part)? {
            let id = &passage.reference.article_id;
            if article.as_ref().is_none_or(|(current, _)| current != id) {
                article = Some((id.clone(), snapshot.article(id)?));
            }
            *counted.entry(id.clone()).or_default() += 1;
            let Some((_, Some(stored))) = &article else {
                report.problems.push(format!(
                    "passage {}: its article is missing",
                    passage.reference
                ));
                continue;
            };
            let listed = stored.passages.get(passage.reference.ordinal as usize);
            if listed != Some(&passage.span)
                || passage.span.of(&stored.article.text) != passage.text
            {
                report.problems.push(format!(
                    "passage {}: its text differs from its article's at {:?}",
                    passage.reference, passage.span
                ));
                continue;
            }
            report.passages += 1;
        }
        if progress(
            Step::Check,
            (batch * FETCH_BATCH + part.len()).min(keys.len()),
            keys.len(),
        )
        .is_break()
        {
            return Err(Error::Stopped);
        }
    }
    for id in snapshot.article_ids()? {
        let expected = snapshot
            .article(&id)?
            .map_or(0, |stored| stored.passages.len());
        let found = counted.remove(&id).unwrap_or(0);
        if expected != found {
            report.problems.push(format!(
                "article {id:?}: expected {expected} passages, found {found}"
            ));
        }
    }
    let mut orphans: Vec<&String> = counted.keys().collect();
    orphans.sort_unstable();
    report.problems.extend(
        orphans
            .into_iter()
            .map(|id| format!("article {id:?} is missing, but has passages")),
    );
    Ok(())
}
