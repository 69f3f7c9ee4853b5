//! The worst queries of a system: the results expected and the results found.

use super::{System, Task, ranks_of};
use crate::Result;
use crate::text::truncate;
use eval::report::{ExpectedResult, FoundResult, WorstQuery};
use eval::{Qrels, Table};
use store::{Collection, StoredArticle};

/// Limits of the report.
const MAX_QUERIES: usize = 20;
const MAX_RESULTS: usize = 3;
const MAX_EXPECTED: usize = 5;
const MAX_CHARS: usize = 600;

/// The queries with the lowest values of the first metric, worst first. Perfect ones are left out.
pub fn worst_queries(
    collection: &dyn Collection,
    task: &Task<'_>,
    judged: &Qrels,
    system: &System,
    table: &Table,
) -> Result<Vec<WorstQuery>> {
    let mut order: Vec<(f64, &str)> = judged
        .answerable()
        .zip(&table.values[0])
        .map(|((query, _), value)| (*value, query))
        .collect();
    order.retain(|(value, _)| *value < 1.0);
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut worst = Vec::new();
    for (value, id) in order.into_iter().take(MAX_QUERIES) {
        let Some(topic) = judged.topics.get(id) else {
            continue;
        };
        let text = task
            .data
            .queries
            .iter()
            .find(|query| query.id == id)
            .map(|query| query.text.clone());
        let mut expected = Vec::new();
        for (need, rank) in topic
            .needs
            .iter()
            .zip(ranks_of(judged, &system.run, id))
            .filter(|(need, _)| need.is_relevant())
        {
            let place = need.locations.first();
            let passage = place.and_then(|place| place.passages.first());
            let shown = passage
                .or(place.map(|place| &place.article))
                .unwrap_or(&need.id);
            let (title, text) = title_and_text(collection, shown)?;
            expected.push(ExpectedResult {
                id: shown.clone(),
                title,
                rank,
                text,
            });
            if expected.len() == MAX_EXPECTED {
                break;
            }
        }
        let mut found = Vec::new();
        for (rank, result) in (1..).zip(system.run.ranking(id).take(MAX_RESULTS)) {
            let (title, text) = title_and_text(collection, result.id)?;
            let relevant = topic.met_by(result.id).any(|need| need.is_relevant());
            found.push(FoundResult {
                rank,
                id: result.id.to_owned(),
                title,
                score: result.score,
                relevant,
                text,
            });
        }
        let text = text.unwrap_or_default();
        worst.push(WorstQuery {
            system: system.run.name.clone(),
            query: id.to_owned(),
            text,
            value,
            expected,
            found,
        });
    }
    Ok(worst)
}

/// The title and text of an article, or of the passage `article#n`.
fn title_and_text(collection: &dyn Collection, id: &str) -> Result<(String, String)> {
    let whole = |stored: StoredArticle| {
        (
            stored.article.title,
            truncate(&stored.article.text, MAX_CHARS),
        )
    };
    if let Some(stored) = collection.article(id)? {
        return Ok(whole(stored));
    }
    let Some((article, number)) = id.rsplit_once('#') else {
        return Ok(Default::default());
    };
    let Some(stored) = collection.article(article)? else {
        return Ok(Default::default());
    };
    let span = number
        .parse::<usize>()
        .ok()
        .and_then(|number| stored.passages.get(number).copied());
    Ok(match span {
        Some(span) => (
            stored.article.title,
            truncate(span.of(&stored.article.text), MAX_CHARS),
        ),
        None => whole(stored),
    })
}
