//! Verification of a collection.

use crate::reader::{BEING_DELETED, RowReader, SCAN_ROWS_WITH_VECTORS, article_in, batch_ids};
use crate::schema::{self, ARTICLE, END, FINGERPRINT, KEY, START, TEXT, VECTOR};
use ingest::ByteSpan;
use std::collections::HashMap;
use store::{CheckReport, Error, Progress, Result, Step};

/// Reads every article and passage and reports what is missing or inconsistent.
pub fn check(
    reader: &RowReader,
    dimensions: usize,
    progress: &Progress<'_>,
) -> Result<CheckReport> {
    let mut report = CheckReport {
        files: 0,
        passages: 0,
        reachable: None,
        problems: Vec::new(),
    };
    let versions = reader.all_versions()?;
    let total = reader.count(reader.passages(), "")? as usize;
    let batches = batch_ids(&versions);
    for id in batches.iter().flatten().filter(|id| {
        versions
            .get(**id)
            .is_some_and(|version| !version.older.is_empty())
    }) {
        report.problems.push(format!(
            "article {id:?} also exists in an older version; nigh compact removes it"
        ));
    }
    for ids in &batches {
        let articles = reader.articles(ids)?;
        let mut found: HashMap<&str, i64> = HashMap::new();
        let fields = [KEY, ARTICLE, FINGERPRINT, START, END, TEXT, VECTOR];
        reader.for_each_page(reader.passages(), &article_in(ids), &fields, SCAN_ROWS_WITH_VECTORS, &mut |columns| {
            for (at, vector) in columns.vectors(VECTOR, dimensions).enumerate() {
                let text = |name| reader.cell(columns.strings(name), at, name);
                let number = |name| Ok::<_, Error>(*reader.cell(columns.longs(name), at, name)? as usize);
                let Some((id, (fingerprint, stored))) = articles.get_key_value(text(ARTICLE)?) else { continue };
                if fingerprint != text(FINGERPRINT)? {
                    continue;
                }
                *found.entry(id).or_default() += 1;
                let span = ByteSpan::from((number(START)?, number(END)?));
                let (text, own) = (text(TEXT)?, span.of(&stored.article.text));
                if text != own && !(text.is_empty() && own.len() > schema::MAX_STRING_BYTES) {
                    report.problems.push(format!(
                        "a passage of article {id:?} differs from the article's text at bytes {}..{}",
                        span.start, span.end
                    ));
                }
                if let Err(error) = index::check_unit(vector, dimensions) {
                    report.problems.push(format!("a passage of article {id:?}: {error}"));
                }
                report.passages += 1;
            }
            Ok(())
        })?;
        for id in ids {
            let present = found.get(id.as_str()).copied().unwrap_or_default();
            match versions.get(*id) {
                Some(version) if version.passages == BEING_DELETED => {
                    report.problems.push(format!(
                        "article {id:?}: its deletion was interrupted; nigh delete completes it"
                    ));
                }
                Some(version) if !articles.contains_key(*id) => {
                    report.problems.push(format!(
                        "article {id:?}: part of its text is missing ({} passages)",
                        version.passages
                    ));
                }
                Some(version) if version.passages != present => {
                    report.problems.push(format!(
                        "article {id:?}: has {present} of {} passages; delete it and index its source again",
                        version.passages
                    ));
                }
                _ => {}
            }
        }
        if progress(Step::Check, report.passages, total).is_break() {
            return Err(Error::Stopped);
        }
    }
    if total > report.passages {
        let left = total - report.passages;
        report.problems.push(format!(
            "{left} passages belong to no article, left by an interrupted writer; nigh compact removes them"
        ));
    }
    Ok(report)
}
