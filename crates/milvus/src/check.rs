//! Checking.

use crate::collection::MilvusCollection;
use crate::reading::{GOING, PAGE_VECTORS, batches, named};
use crate::schema::{self, ARTICLE, END, FINGERPRINT, KEY, START, TEXT, VECTOR};
use ingest::ByteSpan;
use std::collections::HashMap;
use store::{CheckReport, Collection, Error, Progress, Result, Step};

/// Reads every article and passage and says what does not hold.
pub fn check(collection: &MilvusCollection, progress: &Progress<'_>) -> Result<CheckReport> {
    let rows = &collection.rows;
    let mut report = CheckReport { files: 0, passages: 0, reachable: None, problems: Vec::new() };
    let cards = rows.all_cards()?;
    let of = rows.counted(collection.passages(), "")? as usize;
    let batches = batches(&cards);
    for id in batches.iter().flatten().filter(|id| cards.get(**id).is_some_and(|card| !card.older.is_empty())) {
        report.problems.push(format!("article {id:?} is there in an older version, too; nigh compact removes that"));
    }
    for ids in &batches {
        let articles = rows.articles(ids)?;
        let mut found: HashMap<&str, i64> = HashMap::new();
        let fields = [KEY, ARTICLE, FINGERPRINT, START, END, TEXT, VECTOR];
        let dimensions = collection.manifest().model.dimensions;
        rows.pages(collection.passages(), &named(ids), &fields, PAGE_VECTORS, &mut |columns| {
            for (at, vector) in columns.vectors(VECTOR, dimensions).enumerate() {
                let text = |name| rows.part(columns.strings(name), at, name);
                let number = |name| Ok::<_, Error>(*rows.part(columns.numbers(name), at, name)? as usize);
                let Some((id, (print, stored))) = articles.get_key_value(text(ARTICLE)?) else { continue };
                if print != text(FINGERPRINT)? {
                    continue;
                }
                *found.entry(id).or_default() += 1;
                let span = ByteSpan::from((number(START)?, number(END)?));
                let (text, own) = (text(TEXT)?, span.of(&stored.article.text));
                if text != own && !(text.is_empty() && own.len() > schema::LONGEST) {
                    report.problems.push(format!(
                        "a passage of article {id:?} is not what stands at {}..{}",
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
            let there = found.get(id.as_str()).copied().unwrap_or_default();
            match cards.get(*id) {
                Some(card) if card.passages == GOING => {
                    report.problems.push(format!("article {id:?}: its deletion was stopped; nigh delete ends it"));
                }
                Some(card) if !articles.contains_key(*id) => {
                    report
                        .problems
                        .push(format!("article {id:?}: not all of its {} passages' text is there", card.passages));
                }
                Some(card) if card.passages != there => {
                    report.problems.push(format!(
                        "article {id:?}: {there} of {} passages are there; delete it, and index its source again",
                        card.passages
                    ));
                }
                _ => {}
            }
        }
        if progress(Step::Check, report.passages, of).is_break() {
            return Err(Error::Stopped);
        }
    }
    if of > report.passages {
        let left = of - report.passages;
        report.problems.push(format!(
            "{left} passages of no article, left by a writer that was stopped; nigh compact removes them"
        ));
    }
    Ok(report)
}
