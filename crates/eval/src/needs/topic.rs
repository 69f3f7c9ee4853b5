//! The needs of one query, and the ranks at which a ranking meets them.

use super::{Level, Place};
use crate::run::Run;
use std::collections::HashMap;

/// An information need: one thing that a query should find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// The article's id, with the byte range for a span.
    pub id: String,
    /// 1 and above is relevant.
    pub grade: i32,
    /// Alternatives, any of which meets the need. Empty if what was judged is not in the
    /// collection.
    pub locations: Vec<Place>,
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

impl Topic {
    pub(super) fn new(needs: Vec<Need>, level: Level) -> Self {
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
