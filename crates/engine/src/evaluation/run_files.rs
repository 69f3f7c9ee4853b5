//! TREC run files, with their ids matched to those of the judgements.

use super::{EvalNotes, EvalOptions};
use crate::{Error, Result};
use eval::run::Scored;
use eval::trec::EscapedIds;
use eval::{Level, Qrels, Run};
use notes::{Code, Note};
use std::collections::HashSet;
use store::Collection;

/// Reads the run files and makes their names unique.
pub fn read(
    options: &EvalOptions,
    judged: &Qrels,
    collection: Option<&dyn Collection>,
    notes: &mut EvalNotes,
) -> Result<Vec<Run>> {
    if options.runs.is_empty() {
        return Ok(Vec::new());
    }
    let catalog = collection
        .map(|collection| collection.catalog())
        .transpose()?
        .unwrap_or_default();
    let articles: HashSet<&str> = catalog.articles.keys().map(String::as_str).collect();
    let mut taken: HashSet<String> = options
        .modes
        .iter()
        .map(|mode| mode.name().to_owned())
        .collect();
    let mut runs = Vec::new();
    for path in &options.runs {
        let mut run = with_judged_ids(Run::read(path)?, judged, &articles);
        if !judged
            .answerable()
            .any(|(query, _)| run.ranking(query).len() > 0)
        {
            return Err(Error::unusable(format!(
                "{}: it answers none of the judged questions",
                path.display()
            )));
        }
        let names_judged = |(query, topic): (&str, &eval::needs::Topic)| {
            run.ranking(query)
                .any(|found| topic.met_by(found.id).next().is_some())
        };
        if !judged.answerable().any(names_judged) {
            let (kind, example) = match judged.level {
                Level::Article => ("an article", "its id"),
                Level::Answer => (
                    "a passage",
                    "ARTICLE#NUMBER, as nigh run --by passage writes them",
                ),
            };
            let message = format!("none of its results names {kind} that was judged ({example})");
            notes.add_incomplete(
                Note::new(Code::RunUnjudged, message).at(path.display().to_string(), None),
            );
        }
        if !taken.insert(run.name.clone()) {
            run.name = path.display().to_string();
            if !taken.insert(run.name.clone()) {
                return Err(Error::unusable(format!("{}: named twice", path.display())));
            }
        }
        runs.push(run);
    }
    Ok(runs)
}

/// Replaces the ids of a run by those of the judgements. Run files of this program escape white
/// space and `%` in ids; ids of others are taken as they are. Where articles are judged, a passage's
/// id is replaced by its article's. `articles` are the ids in the collection.
fn with_judged_ids(run: Run, judged: &Qrels, articles: &HashSet<&str>) -> Run {
    let judged_places = judged
        .topics
        .values()
        .flat_map(|topic| &topic.needs)
        .flat_map(|need| &need.locations);
    let known: HashSet<&str> = judged_places
        .map(|place| place.article.as_str())
        .chain(articles.iter().copied())
        .collect();
    let escaped_queries = EscapedIds::of(judged.topics.keys().map(String::as_str));
    let escaped_articles = EscapedIds::of(known.iter().copied());
    let judged_id = |id: &str| -> String {
        let passage = id.rsplit_once('#');
        let passage =
            passage.and_then(|(article, number)| Some((article, number.parse::<usize>().ok()?)));
        // An id that is the escaped form of another is that other one: nigh would have escaped it.
        let find = |id: &str| {
            let as_it_is = || known.get(id).copied();
            escaped_articles.original(id).or_else(as_it_is)
        };
        let (article, number) = match (find(id), passage) {
            (None, Some((article, number))) => (find(article), Some(number)),
            (found, _) => (found, None),
        };
        let Some(article) = article else {
            return id.to_owned();
        };
        match number {
            Some(number) if judged.level == Level::Answer => {
                eval::needs::passage_id(article, number)
            }
            _ => article.to_owned(),
        }
    };
    let mut renamed = Run::new(run.name.clone());
    for query in run.queries() {
        let mut seen = HashSet::new();
        let ranking = run.ranking(query).map(|found| Scored {
            id: judged_id(found.id),
            score: found.score,
        });
        let ranking = ranking
            .filter(|found| seen.insert(found.id.clone()))
            .collect();
        let query = escaped_queries.original(query).unwrap_or(query);
        renamed.set(query, ranking);
    }
    renamed
}
