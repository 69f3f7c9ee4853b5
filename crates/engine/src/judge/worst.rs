//! The queries that went worst: what should have been found beside what was.

use super::{System, Task, ranks_of};
use crate::Result;
use crate::text::clipped;
use eval::report::{Expected, Found, WorstQuery};
use eval::{Judged, Table};
use store::{Collection, StoredArticle};

/// How many queries, how many results of each, and how many characters of a text.
const QUERIES: usize = 20;
const RESULTS: usize = 3;
const EXPECTED: usize = 5;
const CHARACTERS: usize = 600;

/// The worst queries of one system by its first metric, worst first; those without fault are none.
pub fn queries(
    collection: &dyn Collection,
    task: &Task<'_>,
    judged: &Judged,
    system: &System,
    table: &Table,
) -> Result<Vec<WorstQuery>> {
    let mut order: Vec<(f64, &str)> =
        judged.answerable().zip(&table.values[0]).map(|((query, _), value)| (*value, query)).collect();
    order.retain(|(value, _)| *value < 1.0);
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut worst = Vec::new();
    for (value, id) in order.into_iter().take(QUERIES) {
        let Some(topic) = judged.topics.get(id) else { continue };
        let text = task.gathered.queries.iter().find(|query| query.id == id).map(|query| query.text.clone());
        let mut expected = Vec::new();
        for (need, rank) in
            topic.needs.iter().zip(ranks_of(judged, &system.run, id)).filter(|(need, _)| need.is_relevant())
        {
            let place = need.places.first();
            let passage = place.and_then(|place| place.passages.first());
            let shown = passage.or(place.map(|place| &place.article)).unwrap_or(&need.id);
            let (title, text) = title_and_text(collection, shown)?;
            expected.push(Expected { id: shown.clone(), title, rank, text });
            if expected.len() == EXPECTED {
                break;
            }
        }
        let mut found = Vec::new();
        for (rank, result) in (1..).zip(system.run.ranking(id).take(RESULTS)) {
            let (title, text) = title_and_text(collection, result.id)?;
            let relevant = topic.met_by(result.id).any(|need| need.is_relevant());
            found.push(Found { rank, id: result.id.to_owned(), title, score: result.score, relevant, text });
        }
        let text = text.unwrap_or_default();
        worst.push(WorstQuery { system: system.run.name.clone(), query: id.to_owned(), text, value, expected, found });
    }
    Ok(worst)
}

/// Title and text of an article, or of a passage as `article#n`.
fn title_and_text(collection: &dyn Collection, id: &str) -> Result<(String, String)> {
    let whole = |stored: StoredArticle| (stored.article.title, clipped(&stored.article.text, CHARACTERS));
    if let Some(stored) = collection.article(id)? {
        return Ok(whole(stored));
    }
    let Some((article, number)) = id.rsplit_once('#') else { return Ok(Default::default()) };
    let Some(stored) = collection.article(article)? else { return Ok(Default::default()) };
    let span = number.parse::<usize>().ok().and_then(|number| stored.passages.get(number).copied());
    Ok(match span {
        Some(span) => (stored.article.title, clipped(span.of(&stored.article.text), CHARACTERS)),
        None => whole(stored),
    })
}
