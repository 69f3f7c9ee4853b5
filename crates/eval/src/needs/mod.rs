//! Resolves judgements to information needs: which of the present passages cover what was judged.
//!
//! A judgement names an article, a byte range or a text, never a passage, so it stays valid when
//! articles are chunked differently. A passage *covers* a span if the two share at least half of
//! the shorter one. A need is met by the best-ranked passage that covers it; further passages that
//! cover only met needs are skipped, as an article counts once, by its best passage (MaxP).

mod resolve;

use crate::judgement::{Judgement, Target};
use crate::run::Run;
use crate::{Error, Result};
use ingest::ByteSpan;
use std::collections::{BTreeMap, HashMap};

/// The granularity of an evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Articles, each ranked by its best passage.
    Article,
    /// Answers: the passages that cover them.
    Answer,
}

/// An article of the corpus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorpusArticle {
    /// The whole text.
    pub text: String,
    /// The byte ranges of its passages, by passage number.
    pub passages: Vec<ByteSpan>,
}

/// The articles that judgements refer to.
pub trait Corpus {
    /// Returns the article with an id.
    ///
    /// # Errors
    /// [`Error::Corpus`] if it cannot be read.
    fn article(&self, id: &str) -> Result<Option<CorpusArticle>>;

    /// Returns the ids of all articles.
    ///
    /// # Errors
    /// [`Error::Corpus`] if they cannot be read.
    fn ids(&self) -> Result<Vec<String>>;
}

/// A place in the corpus that meets a need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The article's id.
    pub article: String,
    /// The byte range; `None` for the whole article.
    pub span: Option<ByteSpan>,
    /// The ids of the passages that cover it. Empty for a whole article at [`Level::Article`], and
    /// for a span that no passage covers.
    pub passages: Vec<String>,
}

/// An information need: one thing that a query should find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// The article's id, with the byte range for a span.
    pub id: String,
    /// 1 and above is relevant.
    pub grade: i32,
    /// Alternatives, any of which meets the need. Empty if what was judged is not in the
    /// collection.
    pub locations: Vec<Location>,
}

impl Need {
    /// Whether the grade counts as relevant.
    pub fn is_relevant(&self) -> bool {
        self.grade >= 1
    }

    /// Whether a result can meet the need: it is a whole article, or a passage covers it.
    pub fn is_covered(&self) -> bool {
        self.locations
            .iter()
            .any(|location| location.span.is_none() || !location.passages.is_empty())
    }
}

/// The judged needs of one query.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Topic {
    /// The needs, without repetitions.
    pub needs: Vec<Need>,
    /// The grades of the relevant needs in descending order.
    pub ideal: Vec<i32>,
    /// For each article or passage id, indices into `needs` of the needs it meets, highest grade
    /// first.
    needs_by_id: HashMap<String, Vec<u32>>,
}

impl Topic {
    fn new(needs: Vec<Need>, level: Level) -> Self {
        let mut ideal: Vec<i32> = needs
            .iter()
            .filter(|need| need.is_relevant())
            .map(|need| need.grade)
            .collect();
        ideal.sort_unstable_by(|a, b| b.cmp(a));
        let mut needs_by_id: HashMap<String, Vec<u32>> = HashMap::new();
        for (at, need) in (0..).zip(&needs) {
            let absent = need.locations.is_empty().then_some(&need.id);
            let met_by = need.locations.iter().flat_map(|location| match level {
                Level::Article => std::slice::from_ref(&location.article),
                Level::Answer => location.passages.as_slice(),
            });
            for id in met_by.chain(absent) {
                let met = needs_by_id.entry(id.clone()).or_default();
                if !met.contains(&at) {
                    met.push(at);
                }
            }
        }
        // A result is credited with its highest grade first, whatever the file's order.
        for met in needs_by_id.values_mut() {
            met.sort_by_key(|at| std::cmp::Reverse(needs[*at as usize].grade));
        }
        Self {
            needs,
            ideal,
            needs_by_id,
        }
    }

    /// How many results beyond `k` to retrieve, so that `k` remain after results are skipped that
    /// meet only needs met before.
    pub fn extra_depth(&self) -> usize {
        self.needs_by_id.len().saturating_sub(self.needs.len())
    }

    /// The grade at every rank of a run's results for `query`; `None` for an unjudged result.
    pub fn grades(&self, run: &Run, query: &str) -> Vec<Option<i32>> {
        // Few documents are judged, so their numbers are sorted and no result's id is hashed.
        let judged = self
            .needs_by_id
            .iter()
            .filter_map(|(id, met)| Some((run.number_of(id)?, met.as_slice())));
        let mut judged: Vec<(u32, &[u32])> = judged.collect();
        judged.sort_unstable();
        let met = |number: u32| {
            judged
                .binary_search_by_key(&number, |(id, _)| *id)
                .ok()
                .map(|at| judged[at].1)
        };
        let ranking = run.numbered_ranking(query);
        let mut grades = Vec::with_capacity(ranking.len());
        self.assign_ranks(ranking.iter().map(|found| met(found.id)), |need| {
            grades.push(need.map(|at| self.needs[at].grade))
        });
        grades
    }

    /// The 1-based rank at which each need is met, in the order of `needs`, for a ranking given by
    /// ids.
    pub fn ranks<'a>(&self, ranking: impl Iterator<Item = &'a str>) -> Vec<Option<usize>> {
        let (mut ranks, mut rank) = (vec![None; self.needs.len()], 0);
        self.assign_ranks(
            ranking.map(|id| self.needs_by_id.get(id).map(Vec::as_slice)),
            |need| {
                rank += 1;
                if let Some(at) = need {
                    ranks[at] = Some(rank);
                }
            },
        );
        ranks
    }

    /// Assigns ranks to results: calls `at_rank` once per rank with the index of the need met
    /// there, if any. A result that meets several relevant needs takes a rank for each; one that
    /// meets only needs met before takes none. A need judged not relevant counts only for a result
    /// that meets nothing else.
    fn assign_ranks<'a>(
        &self,
        results: impl Iterator<Item = Option<&'a [u32]>>,
        mut at_rank: impl FnMut(Option<usize>),
    ) {
        let mut open = vec![true; self.needs.len()];
        for met in results {
            let Some(met) = met else {
                at_rank(None);
                continue;
            };
            let relevant = met
                .iter()
                .take_while(|at| self.needs[**at as usize].is_relevant())
                .count();
            for at in met[..relevant.max(1)].iter().map(|at| *at as usize) {
                if std::mem::replace(&mut open[at], false) {
                    at_rank(Some(at));
                }
            }
        }
    }

    /// Whether the result with an id meets the need at an index.
    pub fn is_met_by(&self, need: usize, id: &str) -> bool {
        let met = self.needs_by_id.get(id);
        met.is_some_and(|met| met.contains(&(need as u32)))
    }

    /// The rank of the need at an index in a ranking by descending score, if the result that meets
    /// it came first among those with its score.
    pub fn rank_before_ties(&self, need: usize, ranking: &[(&str, f32)]) -> Option<usize> {
        let place = ranking
            .iter()
            .position(|(id, _)| self.is_met_by(need, id))?;
        let (id, score) = ranking[place];
        let ties = ranking.partition_point(|(_, other)| *other > score);
        let ids = ranking[..ties].iter().map(|(id, _)| *id);
        self.ranks(ids.chain([id]))[need]
    }

    /// The needs that the result with an id meets.
    pub fn met_by(&self, id: &str) -> impl Iterator<Item = &Need> {
        self.needs_by_id
            .get(id)
            .into_iter()
            .flatten()
            .map(|at| &self.needs[*at as usize])
    }
}

/// Resolved judgements, by query: what runs are evaluated against.
#[derive(Debug, Clone)]
pub struct Qrels {
    /// The granularity of the evaluation.
    pub level: Level,
    /// The queries that have judgements, by id.
    pub topics: BTreeMap<String, Topic>,
    /// Judgements of articles that the collection does not have: the article's id, and the
    /// judgement's file and line.
    pub unknown_articles: Vec<(String, String)>,
    /// Messages about judgements whose text or byte range was not found, each with file and line.
    pub unresolved: Vec<String>,
}

impl Qrels {
    /// Resolves judgements. Without a corpus, articles are taken to exist, and spans and answers
    /// cannot be evaluated. `level` defaults to [`Level::Answer`] if any judgement is an answer or
    /// span.
    ///
    /// # Errors
    /// [`Error::Corpus`] if answers are to be evaluated without a corpus, or it cannot be read.
    pub fn new(
        judgements: &[Judgement],
        corpus: Option<&dyn Corpus>,
        level: Option<Level>,
    ) -> Result<Self> {
        let has_answers = judgements
            .iter()
            .any(|judgement| !matches!(judgement.target, Target::Article(_)));
        let level = level.unwrap_or(if has_answers {
            Level::Answer
        } else {
            Level::Article
        });
        match corpus {
            None if has_answers || level == Level::Answer => Err(Error::Corpus(
                "judging answers needs the collection that contains them: name it with -c".into(),
            )),
            None => Ok(Self::articles(judgements)),
            Some(corpus) => resolve::Resolver::new(corpus, level, judgements)?.resolve(judgements),
        }
    }

    /// Resolves article judgements without a corpus.
    fn articles(judgements: &[Judgement]) -> Self {
        let mut needs: BTreeMap<String, Vec<Need>> = BTreeMap::new();
        for Judgement {
            query,
            target,
            grade,
            ..
        } in judgements
        {
            if let Target::Article(id) = target {
                let location = Location {
                    article: id.clone(),
                    span: None,
                    passages: Vec::new(),
                };
                add(
                    needs.entry(query.clone()).or_default(),
                    id.clone(),
                    *grade,
                    vec![location],
                );
            }
        }
        Self::of(Level::Article, needs)
    }

    fn of(level: Level, needs: BTreeMap<String, Vec<Need>>) -> Self {
        let topics = needs
            .into_iter()
            .map(|(query, needs)| (query, Topic::new(needs, level)))
            .collect();
        Self {
            level,
            topics,
            unknown_articles: Vec::new(),
            unresolved: Vec::new(),
        }
    }

    /// The queries with at least one relevant need, sorted by id. Means are taken over these.
    pub fn answerable(&self) -> impl Iterator<Item = (&str, &Topic)> {
        self.topics
            .iter()
            .filter(|(_, topic)| !topic.ideal.is_empty())
            .map(|(query, topic)| (query.as_str(), topic))
    }

    /// Gives each of `queries` without judgements those of its group: of the query that the group
    /// is named after, or else of the group's first query that has any.
    pub fn share_within_groups(&mut self, queries: &[crate::Query]) {
        let mut of_group: HashMap<&str, &str> = HashMap::new();
        for query in queries {
            let Some(group) = query.group.as_deref() else {
                continue;
            };
            let judged = [group, &query.id]
                .into_iter()
                .find(|id| self.topics.contains_key(*id));
            if let Some(judged) = judged {
                of_group.entry(group).or_insert(judged);
            }
        }
        for query in queries
            .iter()
            .filter(|query| !self.topics.contains_key(&query.id))
            .collect::<Vec<_>>()
        {
            let judged = query.group.as_deref().and_then(|group| of_group.get(group));
            if let Some(topic) = judged.and_then(|judged| self.topics.get(*judged)).cloned() {
                self.topics.insert(query.id.clone(), topic);
            }
        }
    }
}

/// Adds a need, or raises the grade of the need with the same id.
fn add(needs: &mut Vec<Need>, id: String, grade: i32, locations: Vec<Location>) {
    match needs.iter_mut().find(|need| need.id == id) {
        Some(need) => {
            need.grade = need.grade.max(grade);
            if need.locations.is_empty() {
                need.locations = locations;
            }
        }
        None => needs.push(Need {
            id,
            grade,
            locations,
        }),
    }
}

/// Whether a passage covers a span: they share at least half of the shorter one.
pub fn covers(passage: ByteSpan, span: ByteSpan) -> bool {
    let shared = passage.overlap(span);
    shared > 0 && 2 * shared >= passage.len().min(span.len())
}

/// The id of a passage: article id, `#`, passage number.
pub fn passage_id(article: &str, number: usize) -> String {
    format!("{article}#{number}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rank_before_ties_is_that_of_the_first_place_with_the_score() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("qrels.txt");
        std::fs::write(&path, "q 0 b 1\nq 0 e 1\nq 0 x 1\n").unwrap();
        let judgements = crate::judgement::read(&[path]).unwrap();
        let judged = Qrels::new(&judgements, None, None).unwrap();
        let topic = &judged.topics["q"];
        let ranking = [("f", 3.0), ("d", 2.0), ("c", 2.0), ("b", 2.0), ("e", 1.0)];
        let ranks: Vec<_> = (0..3)
            .map(|need| topic.rank_before_ties(need, &ranking))
            .collect();
        assert_eq!(ranks, [Some(2), Some(5), None]);
    }

    /// Articles whose passages are their sentences.
    struct Sentences(Vec<(&'static str, &'static str)>);

    impl Corpus for Sentences {
        fn article(&self, id: &str) -> Result<Option<CorpusArticle>> {
            Ok(self
                .0
                .iter()
                .find(|(known, _)| *known == id)
                .map(|(_, text)| {
                    let mut at = 0;
                    let passages = text
                        .split_inclusive('.')
                        .map(|sentence| {
                            let span = ByteSpan::new(at, at + sentence.len());
                            at = span.end;
                            span.trimmed(text)
                        })
                        .collect();
                    CorpusArticle {
                        text: (*text).to_owned(),
                        passages,
                    }
                }))
        }

        fn ids(&self) -> Result<Vec<String>> {
            Ok(self.0.iter().map(|(id, _)| (*id).to_owned()).collect())
        }
    }

    fn corpus() -> Sentences {
        Sentences(vec![
            (
                "tides",
                "The Moon pulls. The Sea rises twice a day. Élan is not here.",
            ),
            ("moon", "The moon is near. It is grey."),
        ])
    }

    fn judgement(query: &str, target: Target) -> Judgement {
        Judgement {
            query: query.into(),
            target,
            grade: 1,
            source: "q:1".into(),
        }
    }

    fn answer(query: &str, article: Option<&str>, wordings: &[&str]) -> Judgement {
        let wordings = wordings.iter().map(|w| (*w).to_owned()).collect();
        judgement(
            query,
            Target::Answer {
                article: article.map(str::to_owned),
                wordings,
            },
        )
    }

    fn judged(judgements: &[Judgement]) -> Qrels {
        Qrels::new(judgements, Some(&corpus()), None).unwrap()
    }

    fn grades(topic: &Topic, ids: &[&str]) -> Vec<Option<i32>> {
        let mut run = Run::new("");
        let scored = ids.iter().zip(0u8..).map(|(id, at)| crate::run::Scored {
            id: (*id).into(),
            score: -f32::from(at),
        });
        run.set("q", scored.collect());
        topic.grades(&run, "q")
    }

    #[test]
    fn passage_covers_span_sharing_half_of_the_shorter() {
        let span = ByteSpan::new;
        assert!(covers(span(0, 100), span(90, 110)), "half of the answer");
        assert!(!covers(span(0, 100), span(91, 111)));
        assert!(
            covers(span(40, 60), span(0, 100)),
            "a passage inside a long answer"
        );
        assert!(!covers(span(0, 10), span(10, 20)) && !covers(span(5, 5), span(0, 10)));
    }

    #[test]
    fn answers_are_searched_in_the_articles_named() {
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
            judged.topics[query]
                .needs
                .iter()
                .flat_map(|n| &n.locations)
                .flat_map(|p| p.passages.clone())
                .collect()
        };
        assert_eq!(passages("1"), ["tides#1"]);
        assert_eq!(passages("2"), ["moon#0"]);
        assert_eq!(passages("3"), ["moon#0", "tides#0"]);
        assert_eq!(
            judged.topics["3"].needs.len(),
            1,
            "any of the places will do"
        );
        assert!(judged.unknown_articles.is_empty() && judged.unresolved.is_empty());
    }

    #[test]
    fn need_is_met_once_by_its_best_passage() {
        let article = |query: &str, id: &str| judgement(query, Target::Article(id.into()));
        // "tides" as a whole is met by any of its passages; each of the other answers is in one.
        let judgements = [
            article("1", "tides"),
            answer("2", Some("moon"), &["grey"]),
            answer("2", Some("moon"), &["near"]),
        ];
        let judged = judged(&judgements);
        let topic = &judged.topics["1"];
        let found = ["tides#2", "tides#0", "moon#0", "tides#1"];
        assert_eq!(
            grades(topic, &found),
            [Some(1), None],
            "later passages of a met need take no rank"
        );
        assert_eq!(topic.ranks(found.into_iter()), [Some(1)]);
        assert_eq!(topic.extra_depth(), 2);
        let topic = &judged.topics["2"];
        assert_eq!(
            topic.ranks(["tides#0", "moon#1", "moon#0"].into_iter()),
            [Some(2), Some(3)]
        );
        assert_eq!(topic.ideal, [1, 1]);
    }

    #[test]
    fn judgement_order_does_not_matter() {
        let span = |start, end, grade| Judgement {
            grade,
            ..judgement(
                "1",
                Target::Span {
                    article: "moon".into(),
                    span: ByteSpan::new(start, end),
                    content: None,
                },
            )
        };
        // Three spans of the first passage: not relevant, somewhat, very.
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
            let spans = [span(0, 3, 0), span(4, 8, 1), span(9, 16, 3)];
            let judged = judged(&order.map(|at| spans[at].clone()));
            let topic = &judged.topics["1"];
            assert_eq!(
                grades(topic, &["moon#0", "moon#1"]),
                [Some(3), Some(1), None],
                "{order:?}"
            );
        }
        let judged = judged(&[span(0, 3, 0)]);
        assert_eq!(grades(&judged.topics["1"], &["moon#0"]), [Some(0)]);
    }

    #[test]
    fn answers_match_whole_words_only() {
        let judged = judged(&[
            answer("1", None, &["rise"]),
            answer("2", None, &["day."]),
            answer("3", None, &["é"]),
        ]);
        let locations = |query: &str| {
            judged.topics[query]
                .needs
                .iter()
                .flat_map(|need| &need.locations)
                .count()
        };
        assert_eq!((locations("1"), locations("2"), locations("3")), (0, 1, 0));
    }

    #[test]
    fn unknown_articles_and_unresolved_answers_are_reported() {
        let span = |start, end, content: Option<&str>| {
            let (span, content) = (ByteSpan::new(start, end), content.map(str::to_owned));
            judgement(
                "1",
                Target::Span {
                    article: "tides".into(),
                    span,
                    content,
                },
            )
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
        let unknown_articles: Vec<&str> = judged
            .unknown_articles
            .iter()
            .map(|(article, _)| article.as_str())
            .collect();
        assert_eq!(
            unknown_articles,
            ["venus"],
            "at the level of answers, an article beside answers says nothing"
        );
        assert_eq!(judged.unresolved.len(), 3, "{:?}", judged.unresolved);
        assert!(
            judged.unresolved[2].contains("found \"Moon\""),
            "{:?}",
            judged.unresolved
        );
        assert_eq!(
            judged.topics["1"].ideal.len(),
            4,
            "they count as relevant all the same"
        );
        assert_eq!(
            judged.topics["1"]
                .needs
                .iter()
                .filter(|need| need.is_covered())
                .count(),
            1
        );
    }

    #[test]
    fn answers_need_a_corpus() {
        let plain = [judgement("1", Target::Article("x".into()))];
        let judged = Qrels::new(&plain, None, None).unwrap();
        assert_eq!(grades(&judged.topics["1"], &["y", "x"]), [None, Some(1)]);
        assert!(Qrels::new(&[answer("1", None, &["x"])], None, None).is_err());
    }

    #[test]
    fn answers_can_be_judged_at_article_level() {
        let judgements = [
            answer("1", Some("moon"), &["grey"]),
            answer("1", Some("moon"), &["near"]),
        ];
        let judged = Qrels::new(&judgements, Some(&corpus()), Some(Level::Article)).unwrap();
        assert_eq!(
            judged.topics["1"].ranks(["tides", "moon"].into_iter()),
            [Some(2)]
        );
        // Any of the articles meets the need, as any of the passages would.
        let anywhere = [answer("1", None, &["the moon"])];
        let judged = Qrels::new(&anywhere, Some(&corpus()), Some(Level::Article)).unwrap();
        assert_eq!(judged.topics["1"].ideal, [1]);
        assert_eq!(
            judged.topics["1"].ranks(["moon", "tides"].into_iter()),
            [Some(1)]
        );
    }
}
