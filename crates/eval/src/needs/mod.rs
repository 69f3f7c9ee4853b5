//! Judgements to needs: which passages, as they are cut now, hold what was judged.
//!
//! A judgement names an article, bytes of one, or words that stand in one, never a passage; so
//! it stays true when articles are cut another way. A passage *holds* a span if the two share at
//! least half of the shorter one. A need is met by the best passage that holds it: further
//! passages that hold the same need are passed over, as an article counts once, by its best
//! passage (MaxP).

mod resolve;

use crate::judgement::{Judgement, Target};
use crate::run::Run;
use crate::{Error, Result};
use ingest::ByteSpan;
use std::collections::{BTreeMap, HashMap};

/// What is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Articles, each by its best passage.
    Article,
    /// Answers: the passages that hold them.
    Answer,
}

/// An article as the needs see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// Its whole text.
    pub text: String,
    /// Where its passages stand, by their number.
    pub passages: Vec<ByteSpan>,
}

/// Where judgements point.
pub trait Corpus {
    /// The article with an id.
    ///
    /// # Errors
    /// When it cannot be read.
    fn article(&self, id: &str) -> Result<Option<Located>>;

    /// Every article's id.
    ///
    /// # Errors
    /// When they cannot be read.
    fn ids(&self) -> Result<Vec<String>>;
}

/// A place that meets a need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The article.
    pub article: String,
    /// Its bytes; `None` for all of it.
    pub span: Option<ByteSpan>,
    /// The passages that hold it. Empty for a whole article at [`Level::Article`], and for a span
    /// that no passage holds.
    pub passages: Vec<String>,
}

/// One thing that a query should find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// Its name: the article, or article and bytes.
    pub id: String,
    /// 1 and above is relevant.
    pub grade: i32,
    /// Any of them will do. Empty if what was judged is not in the collection.
    pub places: Vec<Place>,
}

impl Need {
    /// Whether it counts as relevant.
    pub fn is_relevant(&self) -> bool {
        self.grade >= 1
    }

    /// Whether any passage holds it.
    pub fn is_held(&self) -> bool {
        self.places.iter().any(|place| place.span.is_none() || !place.passages.is_empty())
    }
}

/// The needs of one query.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Topic {
    /// What was judged, each once.
    pub needs: Vec<Need>,
    /// The grades of the relevant needs, highest first.
    pub ideal: Vec<i32>,
    /// Articles and passages by id, with the needs (as places in `needs`) that each one meets.
    meets: HashMap<String, Vec<u32>>,
}

impl Topic {
    fn new(needs: Vec<Need>, level: Level) -> Self {
        let mut ideal: Vec<i32> = needs.iter().filter(|need| need.is_relevant()).map(|need| need.grade).collect();
        ideal.sort_unstable_by(|a, b| b.cmp(a));
        let mut meets: HashMap<String, Vec<u32>> = HashMap::new();
        for (at, need) in (0..).zip(&needs) {
            let absent = need.places.is_empty().then_some(&need.id);
            let met_by = need.places.iter().flat_map(|place| match level {
                Level::Article => std::slice::from_ref(&place.article),
                Level::Answer => place.passages.as_slice(),
            });
            for id in met_by.chain(absent) {
                let met = meets.entry(id.clone()).or_default();
                if !met.contains(&at) {
                    met.push(at);
                }
            }
        }
        // What a result meets counts in the order of its worth, not of the file.
        for met in meets.values_mut() {
            met.sort_by_key(|at| std::cmp::Reverse(needs[*at as usize].grade));
        }
        Self { needs, ideal, meets }
    }

    /// How many results more than `k` to ask for, so that `k` are left when those that meet only
    /// what a better one met are passed over.
    pub fn spare(&self) -> usize {
        self.meets.len().saturating_sub(self.needs.len())
    }

    /// The grade at every rank of what a run gives for `query`; `None` where nothing was judged.
    pub fn grades(&self, run: &Run, query: &str) -> Vec<Option<i32>> {
        // Judged documents are few; with them as numbers, no result's id is looked at.
        let judged = self.meets.iter().filter_map(|(id, met)| Some((run.number_of(id)?, met.as_slice())));
        let mut judged: Vec<(u32, &[u32])> = judged.collect();
        judged.sort_unstable();
        let met = |number: u32| judged.binary_search_by_key(&number, |(id, _)| *id).ok().map(|at| judged[at].1);
        let ranking = run.numbered(query);
        let mut grades = Vec::with_capacity(ranking.len());
        self.walk(ranking.iter().map(|found| met(found.id)), |need| grades.push(need.map(|at| self.needs[at].grade)));
        grades
    }

    /// Where each need was met, from 1, in the order of `needs`; results are given by their ids.
    pub fn ranks<'a>(&self, ranking: impl Iterator<Item = &'a str>) -> Vec<Option<usize>> {
        let (mut ranks, mut rank) = (vec![None; self.needs.len()], 0);
        self.walk(ranking.map(|id| self.meets.get(id).map(Vec::as_slice)), |need| {
            rank += 1;
            if let Some(at) = need {
                ranks[at] = Some(rank);
            }
        });
        ranks
    }

    /// Takes the needs that each result meets, and calls `at_rank` with the need met at every rank.
    /// A result that meets several relevant needs takes a rank for each; one that meets only needs
    /// met before takes none. What was judged not relevant counts only for a result that meets
    /// nothing else.
    fn walk<'a>(&self, results: impl Iterator<Item = Option<&'a [u32]>>, mut at_rank: impl FnMut(Option<usize>)) {
        let mut open = vec![true; self.needs.len()];
        for met in results {
            let Some(met) = met else {
                at_rank(None);
                continue;
            };
            let relevant = met.iter().take_while(|at| self.needs[**at as usize].is_relevant()).count();
            for at in met[..relevant.max(1)].iter().map(|at| *at as usize) {
                if std::mem::replace(&mut open[at], false) {
                    at_rank(Some(at));
                }
            }
        }
    }

    /// The needs that a result meets.
    pub fn met_by(&self, id: &str) -> impl Iterator<Item = &Need> {
        self.meets.get(id).into_iter().flatten().map(|at| &self.needs[*at as usize])
    }
}

/// Judgements, ready to judge runs with.
#[derive(Debug, Clone)]
pub struct Judged {
    /// What is judged.
    pub level: Level,
    /// The queries that have judgements, by id.
    pub topics: BTreeMap<String, Topic>,
    /// Judgements of articles that the collection does not hold: article and the judgement's place.
    pub unknown: Vec<(String, String)>,
    /// Judgements of words or bytes that do not stand where they should, each with its place.
    pub astray: Vec<String>,
}

impl Judged {
    /// Finds what judgements point at. Without a corpus, articles are taken to be there, and spans
    /// and answers cannot be judged. `level` says what is judged; by itself, answers where there
    /// are any.
    ///
    /// # Errors
    /// When answers are to be judged and there is no corpus, or it cannot be read.
    pub fn new(judgements: &[Judgement], corpus: Option<&dyn Corpus>, level: Option<Level>) -> Result<Self> {
        let answers = judgements.iter().any(|judgement| !matches!(judgement.target, Target::Article(_)));
        let level = level.unwrap_or(if answers { Level::Answer } else { Level::Article });
        match corpus {
            None if answers || level == Level::Answer => {
                Err(Error::Corpus("judging answers needs the collection that they stand in: name it with -c".into()))
            }
            None => Ok(Self::articles(judgements)),
            Some(corpus) => resolve::Resolver::new(corpus, level, judgements)?.resolve(judgements),
        }
    }

    /// Judgements of articles, taken as they are.
    fn articles(judgements: &[Judgement]) -> Self {
        let mut needs: BTreeMap<String, Vec<Need>> = BTreeMap::new();
        for Judgement { query, target, grade, .. } in judgements {
            if let Target::Article(id) = target {
                let place = Place { article: id.clone(), span: None, passages: Vec::new() };
                add(needs.entry(query.clone()).or_default(), id.clone(), *grade, vec![place]);
            }
        }
        Self::of(Level::Article, needs)
    }

    fn of(level: Level, needs: BTreeMap<String, Vec<Need>>) -> Self {
        let topics = needs.into_iter().map(|(query, needs)| (query, Topic::new(needs, level))).collect();
        Self { level, topics, unknown: Vec::new(), astray: Vec::new() }
    }

    /// The queries with something relevant to find, in the order of their ids: those that figures
    /// are means over.
    pub fn answerable(&self) -> impl Iterator<Item = (&str, &Topic)> {
        self.topics.iter().filter(|(_, topic)| !topic.ideal.is_empty()).map(|(query, topic)| (query.as_str(), topic))
    }

    /// Gives each of `queries` that has no judgements those of its group: of the query that the
    /// group is named after, or else of the first of its queries that has any.
    pub fn share(&mut self, queries: &[crate::Query]) {
        let mut of_group: HashMap<&str, &str> = HashMap::new();
        for query in queries {
            let Some(group) = query.group.as_deref() else { continue };
            let judged = [group, &query.id].into_iter().find(|id| self.topics.contains_key(*id));
            if let Some(judged) = judged {
                of_group.entry(group).or_insert(judged);
            }
        }
        for query in queries.iter().filter(|query| !self.topics.contains_key(&query.id)).collect::<Vec<_>>() {
            let judged = query.group.as_deref().and_then(|group| of_group.get(group));
            if let Some(topic) = judged.and_then(|judged| self.topics.get(*judged)).cloned() {
                self.topics.insert(query.id.clone(), topic);
            }
        }
    }
}

/// Adds a need, or, where there is one of that name, its grade, if that is higher.
fn add(needs: &mut Vec<Need>, id: String, grade: i32, places: Vec<Place>) {
    match needs.iter_mut().find(|need| need.id == id) {
        Some(need) => {
            need.grade = need.grade.max(grade);
            if need.places.is_empty() {
                need.places = places;
            }
        }
        None => needs.push(Need { id, grade, places }),
    }
}

/// Whether a passage holds a span: they share at least half of the shorter one.
pub fn holds(passage: ByteSpan, span: ByteSpan) -> bool {
    let shared = passage.overlap(span);
    shared > 0 && 2 * shared >= passage.len().min(span.len())
}

/// The name of a passage: its article's id, `#`, its number.
pub fn passage_id(article: &str, number: usize) -> String {
    format!("{article}#{number}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Articles whose passages are their sentences.
    struct Sentences(Vec<(&'static str, &'static str)>);

    impl Corpus for Sentences {
        fn article(&self, id: &str) -> Result<Option<Located>> {
            Ok(self.0.iter().find(|(known, _)| *known == id).map(|(_, text)| {
                let mut at = 0;
                let passages = text
                    .split_inclusive('.')
                    .map(|sentence| {
                        let span = ByteSpan::new(at, at + sentence.len());
                        at = span.end;
                        span.trimmed(text)
                    })
                    .collect();
                Located { text: (*text).to_owned(), passages }
            }))
        }

        fn ids(&self) -> Result<Vec<String>> {
            Ok(self.0.iter().map(|(id, _)| (*id).to_owned()).collect())
        }
    }

    fn corpus() -> Sentences {
        Sentences(vec![
            ("tides", "The Moon pulls. The Sea rises twice a day. Élan is not here."),
            ("moon", "The moon is near. It is grey."),
        ])
    }

    fn judgement(query: &str, target: Target) -> Judgement {
        Judgement { query: query.into(), target, grade: 1, place: "q:1".into() }
    }

    fn answer(query: &str, article: Option<&str>, wordings: &[&str]) -> Judgement {
        let wordings = wordings.iter().map(|w| (*w).to_owned()).collect();
        judgement(query, Target::Answer { article: article.map(str::to_owned), wordings })
    }

    fn judged(judgements: &[Judgement]) -> Judged {
        Judged::new(judgements, Some(&corpus()), None).unwrap()
    }

    fn grades(topic: &Topic, ids: &[&str]) -> Vec<Option<i32>> {
        let mut run = Run::new("");
        let scored =
            ids.iter().zip(0u8..).map(|(id, at)| crate::run::Scored { id: (*id).into(), score: -f32::from(at) });
        run.set("q", scored.collect());
        topic.grades(&run, "q")
    }

    #[test]
    fn half_of_the_shorter_one_must_be_shared() {
        let span = ByteSpan::new;
        assert!(holds(span(0, 100), span(90, 110)), "half of the answer");
        assert!(!holds(span(0, 100), span(91, 111)));
        assert!(holds(span(40, 60), span(0, 100)), "a passage inside a long answer");
        assert!(!holds(span(0, 10), span(10, 20)) && !holds(span(5, 5), span(0, 10)));
    }

    #[test]
    fn answers_are_found_where_they_stand() {
        // Named article; named by another judgement; anywhere.
        let judgements = [
            answer("1", Some("tides"), &["rises TWICE"]),
            judgement("2", Target::Article("moon".into())),
            answer("2", None, &["the moon"]),
            answer("3", None, &["the moon"]),
        ];
        let judged = judged(&judgements);
        assert_eq!(judged.level, Level::Answer);
        let passages = |query: &str| -> Vec<String> {
            judged.topics[query].needs.iter().flat_map(|n| &n.places).flat_map(|p| p.passages.clone()).collect()
        };
        assert_eq!(passages("1"), ["tides#1"]);
        assert_eq!(passages("2"), ["moon#0"]);
        assert_eq!(passages("3"), ["moon#0", "tides#0"]);
        assert_eq!(judged.topics["3"].needs.len(), 1, "any of the places will do");
        assert!(judged.unknown.is_empty() && judged.astray.is_empty());
    }

    #[test]
    fn a_need_counts_once_by_its_best_passage() {
        let article = |query: &str, id: &str| judgement(query, Target::Article(id.into()));
        // "tides" as a whole is met by any of its passages; the other answer stands in one.
        let judgements =
            [article("1", "tides"), answer("2", Some("moon"), &["grey"]), answer("2", Some("moon"), &["near"])];
        let judged = judged(&judgements);
        let topic = &judged.topics["1"];
        let found = ["tides#2", "tides#0", "moon#0", "tides#1"];
        assert_eq!(grades(topic, &found), [Some(1), None], "later passages of a met need take no rank");
        assert_eq!(topic.ranks(found.into_iter()), [Some(1)]);
        assert_eq!(topic.spare(), 2);
        let topic = &judged.topics["2"];
        assert_eq!(topic.ranks(["tides#0", "moon#1", "moon#0"].into_iter()), [Some(2), Some(3)]);
        assert_eq!(topic.ideal, [1, 1]);
    }

    #[test]
    fn the_order_of_judgements_does_not_matter() {
        let span = |start, end, grade| Judgement {
            grade,
            ..judgement("1", Target::Span { article: "moon".into(), span: ByteSpan::new(start, end), content: None })
        };
        // Three spans of the first passage: not relevant, somewhat, very.
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
            let spans = [span(0, 3, 0), span(4, 8, 1), span(9, 16, 3)];
            let judged = judged(&order.map(|at| spans[at].clone()));
            let topic = &judged.topics["1"];
            assert_eq!(grades(topic, &["moon#0", "moon#1"]), [Some(3), Some(1), None], "{order:?}");
        }
        let judged = judged(&[span(0, 3, 0)]);
        assert_eq!(grades(&judged.topics["1"], &["moon#0"]), [Some(0)]);
    }

    #[test]
    fn answers_are_whole_words() {
        let judged = judged(&[answer("1", None, &["rise"]), answer("2", None, &["day."]), answer("3", None, &["é"])]);
        let places = |query: &str| judged.topics[query].needs.iter().flat_map(|need| &need.places).count();
        assert_eq!((places("1"), places("2"), places("3")), (0, 1, 0));
    }

    #[test]
    fn what_is_not_there_is_said() {
        let span = |start, end, content: Option<&str>| {
            let (span, content) = (ByteSpan::new(start, end), content.map(str::to_owned));
            judgement("1", Target::Span { article: "tides".into(), span, content })
        };
        let judgements = [
            judgement("1", Target::Article("mars".into())),
            answer("1", Some("venus"), &["x"]),
            answer("1", Some("moon"), &["green cheese"]),
            span(44, 9000, None),
            span(4, 8, Some("Sun")),
            span(4, 8, Some("Moon")),
        ];
        let judged = judged(&judgements);
        let unknown: Vec<&str> = judged.unknown.iter().map(|(article, _)| article.as_str()).collect();
        assert_eq!(unknown, ["venus"], "at the level of answers, an article beside answers says nothing");
        assert_eq!(judged.astray.len(), 3, "{:?}", judged.astray);
        assert!(judged.astray[2].contains("found \"Moon\""), "{:?}", judged.astray);
        assert_eq!(judged.topics["1"].ideal.len(), 4, "they count as relevant all the same");
        assert_eq!(judged.topics["1"].needs.iter().filter(|need| need.is_held()).count(), 1);
    }

    #[test]
    fn without_a_corpus_only_articles_can_be_judged() {
        let plain = [judgement("1", Target::Article("x".into()))];
        let judged = Judged::new(&plain, None, None).unwrap();
        assert_eq!(grades(&judged.topics["1"], &["y", "x"]), [None, Some(1)]);
        assert!(Judged::new(&[answer("1", None, &["x"])], None, None).is_err());
    }

    #[test]
    fn answers_can_be_judged_by_their_articles() {
        let judgements = [answer("1", Some("moon"), &["grey"]), answer("1", Some("moon"), &["near"])];
        let judged = Judged::new(&judgements, Some(&corpus()), Some(Level::Article)).unwrap();
        assert_eq!(judged.topics["1"].ranks(["tides", "moon"].into_iter()), [Some(2)]);
        // Any of the articles will do, as any of the passages would.
        let anywhere = [answer("1", None, &["the moon"])];
        let judged = Judged::new(&anywhere, Some(&corpus()), Some(Level::Article)).unwrap();
        assert_eq!(judged.topics["1"].ideal, [1]);
        assert_eq!(judged.topics["1"].ranks(["moon", "tides"].into_iter()), [Some(1)]);
    }
}
